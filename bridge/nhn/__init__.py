"""The source of NHN Meldingstjener's notification feed: one request, one page checked, one stream of batches."""
