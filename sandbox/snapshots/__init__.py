"""Snapshots of a workspace: taking what changed of `/job`, keeping it among the blobs, and putting it back."""
