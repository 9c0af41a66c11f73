"""Tells what is true in the sandbox world: one value for each thing and attribute."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Attribute:
    """How one attribute is asked for and told; `{a}` is the thing with its article, `{value}` the answer."""

    question: str
    statement: str
    short: str
    values: Mapping[str, str]


def _invert(groups: dict[str, str]) -> dict[str, str]:
    return {thing: value for value, things in groups.items() for thing in things.split()}


ATTRIBUTES: dict[str, Attribute] = {
    "home": Attribute("where {a} lives", "{a} lives {value}", "{value}", _invert({
        "in a nest": "robin crow hawk", "on a pond": "duck swan goose", "in a barn": "cow horse donkey",
        "in a pen": "pig goat hen", "in the hills": "sheep mule llama", "in a den": "fox bear wolf",
        "in the forest": "deer owl", "in the jungle": "lion tiger", "in the desert": "camel", "in the river": "otter",
        "in a hive": "bee wasp", "under the ground": "ant beetle",
    })),
    "food": Attribute("what {a} eats", "{a} eats {value}", "{value}", _invert({
        "seeds": "robin crow hen", "mice": "owl hawk fox", "grass": "cow sheep horse deer", "fish": "bear otter",
        "plants": "duck swan goose", "leaves": "goat llama camel", "corn": "pig", "hay": "donkey mule",
        "meat": "wolf lion tiger", "nectar": "bee", "crumbs": "ant", "wool": "moth", "jam": "wasp fly",
    })),
    "sound": Attribute("what {a} says", "{a} says {value}", "{value}", _invert({
        "hoot": "owl", "quack": "duck", "honk": "goose", "cluck": "hen", "moo": "cow", "oink": "pig",
        "baa": "sheep goat", "neigh": "horse", "growl": "bear", "howl": "wolf", "roar": "lion tiger",
        "buzz": "bee fly", "chirp": "cricket robin",
    })),
    "color": Attribute("what color {a} is", "{a} is {value}", "{value}", _invert({
        "red": "apple cherry beet rose poppy", "green": "pear pea bean cabbage leek", "purple": "plum grape iris pansy",
        "yellow": "lemon melon tulip", "pink": "peach orchid", "brown": "onion cocoa",
        "white": "daisy lily turnip milk", "black": "coffee", "orange": "carrot",
    })),
    "capital": Attribute("what the capital of {a} is", "the capital of {a} is {value}", "{value}", {
        "France": "Paris", "Spain": "Madrid", "Italy": "Rome", "Japan": "Tokyo", "Egypt": "Cairo", "Peru": "Lima",
        "Norway": "Oslo", "Cuba": "Havana",
    }),
    "workplace": Attribute("where {a} works", "{a} works {value}", "{value}", {
        "baker": "in a bakery", "nurse": "in a hospital", "farmer": "on a farm", "teacher": "in a school",
        "sailor": "on a ship", "tailor": "in a shop", "judge": "in a court", "clown": "in a circus",
    }),
    "work": Attribute("what {a} does all day", "{a} {value} all day", "{value} all day", {
        "baker": "bakes bread", "nurse": "helps the sick", "farmer": "grows corn", "teacher": "teaches children",
        "sailor": "sails the sea", "tailor": "sews coats", "judge": "hears cases", "clown": "tells jokes",
    }),
    "use": Attribute("what {a} is for", "{a} is for {value}", "for {value}", {
        "hammer": "hitting nails", "saw": "cutting boards", "drill": "making holes", "spade": "digging holes",
        "rake": "gathering leaves", "axe": "chopping wood", "wrench": "turning bolts", "ladder": "climbing up",
        "spoon": "eating soup", "fork": "eating noodles", "knife": "cutting bread", "cup": "drinking tea",
        "plate": "serving dinner", "bowl": "mixing dough", "pan": "frying eggs", "kettle": "boiling water",
        "chair": "sitting", "bed": "sleeping", "desk": "writing", "shelf": "keeping books",
    }),
    "worn": Attribute("where {a} is worn", "{a} is worn {value}", "{value}", _invert({
        "on the head": "hat", "around the neck": "scarf", "on the feet": "sock boot", "on the hands": "glove",
        "over the shirt": "coat", "on the body": "shirt dress",
    })),
    "played": Attribute("how {a} is played", "{a} is played {value}", "{value}", _invert({
        "with sticks": "drum", "by blowing": "flute trumpet", "with a bow": "violin",
        "with the fingers": "harp guitar banjo piano",
    })),
    "moves": Attribute("where {a} moves", "{a} moves {value}", "{value}", _invert({
        "on the road": "car van bike bus truck", "on rails": "train tram", "on the water": "ship",
    })),
}  # fmt: skip
FACTS = tuple((thing, name) for name, attribute in ATTRIBUTES.items() for thing in attribute.values)
