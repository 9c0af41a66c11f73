"""Names the things of the sandbox world: each belongs to exactly one category."""


def listed(text: str, separator: str | None = None) -> tuple[str, ...]:
    """The words of a text as a tuple; with a separator, the phrases between it."""
    return tuple(text.split(separator))


CATEGORIES: dict[str, tuple[str, ...]] = {
    category: tuple(things.split())
    for category, things in {
        "bird": "robin owl duck crow swan goose hen hawk",
        "farm animal": "cow pig goat sheep horse donkey mule llama",
        "wild animal": "fox bear wolf deer lion tiger otter camel",
        "insect": "bee ant moth wasp fly beetle cricket flea",
        "fruit": "apple pear plum peach cherry lemon grape melon",
        "vegetable": "carrot onion leek pea bean turnip cabbage beet",
        "drink": "tea milk coffee juice cider cocoa water soda",
        "color": "red blue green yellow pink purple brown black",
        "tool": "hammer saw drill spade rake axe wrench ladder",
        "instrument": "drum flute harp piano violin trumpet guitar banjo",
        "piece of clothing": "hat coat scarf shirt sock glove boot dress",
        "piece of furniture": "chair table bed sofa desk shelf bench stool",
        "vehicle": "car bus truck bike train tram van ship",
        "flower": "rose tulip daisy lily poppy iris orchid pansy",
        "job": "baker nurse farmer teacher sailor tailor judge clown",
        "kitchen thing": "spoon fork knife cup plate bowl pan kettle",
        "toy": "doll kite ball puzzle marble teddy rattle puppet",
        "sport": "tennis golf rugby hockey soccer boxing rowing skiing",
        "country": "France Spain Italy Japan Egypt Peru Norway Cuba",
        "body part": "arm leg nose ear hand foot knee chin",
    }.items()
}
PLURAL_CATEGORIES = {
    "piece of clothing": "pieces of clothing", "piece of furniture": "pieces of furniture",
    "country": "countries",
}  # fmt: skip
UNCOUNTED = frozenset(item for category in ("drink", "color", "sport", "country") for item in CATEGORIES[category])
"""Things that take no article: "tea is a drink"."""

NAMES = listed("Ada Ben Eva Leo Max Mia Sam Zoe")
NUMBER_WORDS = listed(
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen"
    " eighteen nineteen twenty twenty-one twenty-two twenty-three twenty-four twenty-five"
)
