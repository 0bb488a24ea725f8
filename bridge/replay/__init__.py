"""Publishing a past range of NHN's notifications again (`bridge replay`), beside the streams and without their cursors.

whose, from where to where -> read the feed -> events marked as a replay -> publish, at a rate of its own
"""
