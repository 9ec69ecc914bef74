"""What a provider's error answer to an inference request states about the model.

What belongs here: the classes of refusals, the rules that recognise them, and the unwrapping of what clients and
gateways put around a provider's text. All of it is pure. What does not: when a model counts as refused, and storage.
"""
