"""What an action says when it will not do what it was asked."""


class Refused(Exception):
    """Base of all refusals: the docstring of a subclass is the sentence that the person reads."""

    field: str | None = None

    def __init__(self, sentence: str | None = None, *, field: str | None = None) -> None:
        self.sentence = sentence or (type(self).__doc__ or "This is not possible.").strip()
        if field is not None:
            self.field = field
        super().__init__(self.sentence)


class NotFound(Exception):
    """What was asked for does not exist, or the reader may not see it: the two are never told apart."""


class Busy(Refused):
    """The register is busy. Nothing was saved; your text is still here. Please try again in a moment."""


def N_(sentence: str) -> str:  # noqa: N802 - the name that extraction tools look for
    """Mark a sentence of the domain for translation; it is translated where it is shown."""
    return sentence
