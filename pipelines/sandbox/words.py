"""Names the things of the sandbox world: each belongs to exactly one category."""


def listed(text: str, separator: str | None = None) -> tuple[str, ...]:
    """The words of a text as a tuple; with a separator, the phrases between it."""
    return tuple(text.split(separator))


CATEGORIES: dict[str, tuple[str, ...]] = {
    category: tuple(things.split())
    for category, things in {
        "bird": "robin owl duck crow swan gull goose hen hawk wren",
        "farm animal": "cow pig goat sheep horse donkey mule llama",
        "wild animal": "fox bear wolf deer hare lion tiger otter badger camel",
        "fish": "trout salmon cod eel tuna carp pike perch herring shark",
        "insect": "bee ant moth wasp fly beetle cricket flea gnat ladybug",
        "fruit": "apple pear plum peach cherry lemon grape fig melon mango",
        "vegetable": "carrot onion leek pea bean turnip cabbage potato radish beet",
        "drink": "tea milk coffee juice cider cocoa water soda lemonade",
        "sweet treat": "cake pie cookie candy fudge pudding toffee muffin tart",
        "color": "red blue green yellow pink purple brown black white gray",
        "tool": "hammer saw drill spade rake axe wrench chisel ladder shovel",
        "instrument": "drum flute harp piano violin trumpet guitar cello horn banjo",
        "piece of clothing": "hat coat scarf shirt sock glove boot dress skirt vest",
        "piece of furniture": "chair table bed sofa desk shelf bench stool cupboard",
        "vehicle": "car bus truck bike train tram van cart scooter ship",
        "flower": "rose tulip daisy lily poppy iris orchid pansy aster",
        "tree": "oak pine elm birch maple willow ash beech cedar fir",
        "job": "baker nurse farmer teacher sailor tailor painter cook judge barber miner clown",
        "room": "kitchen bedroom hall attic cellar bathroom garage pantry",
        "kitchen thing": "spoon fork knife cup plate bowl pan pot kettle jug",
        "toy": "doll kite ball puzzle marble teddy rattle puppet",
        "sport": "tennis golf rugby hockey soccer boxing rowing skiing judo fencing",
        "country": "France Spain Italy Japan Egypt Peru Kenya Norway Greece Cuba Poland Austria",
        "planet": "Mars Venus Earth Saturn Jupiter Mercury Uranus Neptune",
        "metal": "gold iron tin copper silver lead steel zinc brass bronze",
        "gem": "ruby pearl opal jade topaz emerald diamond garnet",
        "body part": "arm leg nose ear hand foot knee eye chin elbow",
        "building": "house barn castle church school tower mill hotel bank museum",
    }.items()
}
PLURAL_CATEGORIES = {
    "piece of clothing": "pieces of clothing", "piece of furniture": "pieces of furniture", "fish": "fish",
    "country": "countries",
}  # fmt: skip
UNCOUNTED = frozenset(
    item for category in ("drink", "color", "sport", "country", "planet", "metal") for item in CATEGORIES[category]
) | {"candy", "fudge", "toffee"}
"""Things that take no article: "tea is a drink"."""

NAMES = listed("Ada Ben Eva Hugo Ivy Leo Max Mia Nora Otto Sam Zoe")
NUMBER_WORDS = listed(
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen"
    " eighteen nineteen twenty twenty-one twenty-two twenty-three twenty-four twenty-five"
)
