"""Deploy one `RollingDeployment`: run `cdk deploy -c asg=web -c topic=ARN` in this folder.

`awsroll_cdk.context_app` reads the context values; docs/deploy.md lists them.
"""

import aws_cdk as cdk

from awsroll_cdk.context_app import build

if __name__ == "__main__":
    app = cdk.App()
    build(app)
    app.synth()
