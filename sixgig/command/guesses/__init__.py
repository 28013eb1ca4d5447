"""What an adapter's stanza may be: a module of the adapter's name, where a path alone is not enough.

``options(kind, source)`` returns ways to open the adapter ``kind``, the best first: keys of the stanza, and notes for
the user. ``RANK`` is above 0 where other adapters have to be asked first. ``public(dataset, size)`` tells what is known
about a data set that a recipe fetches.
"""
