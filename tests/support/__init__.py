"""Fakes and tools shared by the tests."""
