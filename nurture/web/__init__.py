"""What arrives over HTTP: verify, translate, hand to the flow."""
