"""The isolated machine that stands for an E2B sandbox's virtual machine."""
