"""Write the plain CloudFormation template: `python cdk/template.py --help`. `awsroll_cdk.plain_template` does it."""

import sys

from awsroll_cdk.plain_template import main

if __name__ == "__main__":
    sys.exit(main())
