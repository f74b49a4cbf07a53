"""Speed, start-up and parity as figures; each prints what the README quotes."""
