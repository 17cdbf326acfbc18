"""The Auto Scaling API: it checks and stores requests; the controller acts on them."""
