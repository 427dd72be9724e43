"""What the engine needs of AWS, over aioboto3: clients, identities, errors."""
