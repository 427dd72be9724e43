"""What exists, found out: the instances of accounts and Regions, and the manifest that names it."""
