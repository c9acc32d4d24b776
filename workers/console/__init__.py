"""The console stage: a web server with the incidents' pages, for people who were sent a signed link."""
