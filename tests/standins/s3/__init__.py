"""An S3 server over a real socket: moto's, in a process of its own, behind a proxy that breaks connections."""
