"""Callbacks for libraries that already observe an application's inferences: discovery without code of its own.

Each module requires the library that it is named for, which the extra of the same name installs.
"""
