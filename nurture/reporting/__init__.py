"""Reports as HTML that needs nothing else: charts, tables and the page around them."""
