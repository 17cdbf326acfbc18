"""The Auto Scaling API: requests are checked and stored here, the group's controller acts on them."""
