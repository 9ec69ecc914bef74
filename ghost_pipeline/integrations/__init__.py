"""Discovery without a line of code in the application: callbacks of libraries that see its inferences anyway.

Each module needs the library that it is named for, which an extra of the same name installs.
"""
