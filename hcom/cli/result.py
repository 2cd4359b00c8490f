"""One result of a command: JSON where a program reads it, else as a person does."""


def show(call, value, text: str) -> None:
    """`value` is printed as a line of JSON where the call asks for that, else `text`."""
    if call.values.json:
        call.say_json(value)
    else:
        call.say(text)
