"""What both screens stand on: listening, security headers, the page's own files, the stream of events."""
