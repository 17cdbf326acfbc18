"""The command line: flags to a request, the library call, the answer to text or JSON. No decisions about fleets."""
