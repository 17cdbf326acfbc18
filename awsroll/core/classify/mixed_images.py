"""Whether servers of one launch template version run one image.

A version that names its image by a Systems Manager parameter launches another image once the parameter changes, also in
the middle of a rollout. The number of the version does not show that; the image of each instance does.
"""

from collections import Counter

from awsroll.core.classify.view import View


def mixed_images(view: View) -> str:
    """Return which images the servers of the wanted version run, as a warning; empty if they run one image."""
    wanted = view.rollout.template
    if wanted is None:
        return ""
    counts = Counter(one.image for one in view.live if one.image and one.template == wanted)
    if len(counts) <= 1:
        return ""
    shown = ", ".join(f"{image} ({count})" for image, count in sorted(counts.items()))
    return (
        f"the servers of launch template {wanted} do not run one image: {shown}. The Systems Manager parameter that "
        "names the image has changed between their launches. Publish a version with the image's id, and roll to it"
    )
