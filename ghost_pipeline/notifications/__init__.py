"""Notifications: what changed in the catalog, sent to webhooks, chats, mailboxes and feeds.

``destinations`` reads the destinations, ``digest`` decides what a message contains, ``rendering`` writes it as text,
Markdown or HTML, ``delivery`` owns cursor and back-off, and ``kinds`` has one file for each way to send.
"""
