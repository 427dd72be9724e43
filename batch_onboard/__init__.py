"""Onboard many Amazon Connect instances to outbound campaigns: paced, resumable, safe."""
