"""Deploy one `RollingDeployment`: run `cdk deploy -c asg=web -c topic=ARN` in this folder.

`awsroll_cdk.context_app` reads the context values; docs/deploy.md lists them. The tests of awsroll validate the
template of all options with the rules of the CDK. That takes as long as the rest of the synthesis, so this app leaves
it out.
"""

import aws_cdk as cdk

from awsroll_cdk.context_app import build

if __name__ == "__main__":
    app = cdk.App(builtin_cloud_formation_validation=False)
    build(app)
    app.synth()
