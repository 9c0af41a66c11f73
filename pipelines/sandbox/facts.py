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
        "in a nest": "robin crow hawk wren", "on a pond": "duck swan goose", "by the sea": "gull",
        "in a barn": "cow horse donkey", "in a pen": "pig goat hen", "in the hills": "sheep mule llama",
        "in a den": "fox bear wolf badger", "in the forest": "deer owl", "in a field": "hare cricket",
        "in the hot grassland": "lion", "in the jungle": "tiger", "in the desert": "camel",
        "in the river": "otter trout salmon pike perch", "in the sea": "cod tuna herring shark",
        "in the mud": "eel carp", "in a hive": "bee", "under the ground": "ant beetle", "near a lamp": "moth",
    })),
    "food": Attribute("what {a} eats", "{a} eats {value}", "{value}", _invert({
        "seeds": "robin wren hen", "mice": "owl hawk fox", "grass": "cow sheep horse goose deer",
        "corn": "crow", "fish": "gull bear otter shark", "water plants": "duck swan", "leaves": "goat llama",
        "scraps": "pig", "hay": "donkey mule", "meat": "wolf lion tiger", "clover": "hare", "worms": "badger trout",
        "thorns": "camel", "nectar": "bee", "crumbs": "ant", "wool": "moth", "jam": "wasp", "rotten wood": "beetle",
    })),
    "sound": Attribute("what {a} says", "{a} says {value}", "{value}", _invert({
        "hoot": "owl", "quack": "duck", "caw": "crow", "honk": "goose", "cluck": "hen", "moo": "cow",
        "oink": "pig", "baa": "sheep goat", "neigh": "horse", "hee-haw": "donkey", "growl": "bear", "howl": "wolf",
        "roar": "lion tiger", "buzz": "bee fly", "tweet": "robin wren", "chirp": "cricket",
    })),
    "color": Attribute("what color {a} is", "{a} is {value}", "{value}", _invert({
        "red": "apple cherry radish beet rose poppy ruby", "green": "pear pea bean cabbage emerald jade leek",
        "purple": "plum fig grape iris garnet pansy", "yellow": "lemon melon tulip topaz", "pink": "peach orchid",
        "brown": "onion potato", "white": "daisy lily pearl turnip swan milk", "black": "crow coffee",
        "blue": "aster", "orange": "carrot mango", "silver-gray": "herring iron",
    })),
    "capital": Attribute("what the capital of {a} is", "the capital of {a} is {value}", "{value}", {
        "France": "Paris", "Spain": "Madrid", "Italy": "Rome", "Japan": "Tokyo", "Egypt": "Cairo", "Peru": "Lima",
        "Kenya": "Nairobi", "Norway": "Oslo", "Greece": "Athens", "Cuba": "Havana", "Poland": "Warsaw",
        "Austria": "Vienna",
    }),
    "workplace": Attribute("where {a} works", "{a} works {value}", "{value}", {
        "baker": "in a bakery", "nurse": "in a hospital", "farmer": "on a farm", "teacher": "in a school",
        "sailor": "on a ship", "tailor": "in a shop", "painter": "in a studio", "cook": "in a kitchen",
        "judge": "in a court", "barber": "in a salon", "miner": "in a mine", "clown": "in a circus",
    }),
    "work": Attribute("what {a} does all day", "{a} {value} all day", "{value} all day", {
        "baker": "bakes bread", "nurse": "helps the sick", "farmer": "grows corn", "teacher": "teaches children",
        "sailor": "sails the sea", "tailor": "sews coats", "painter": "paints pictures", "cook": "makes soup",
        "judge": "hears cases", "barber": "cuts hair", "miner": "digs for coal", "clown": "makes people laugh",
    }),
    "use": Attribute("what {a} is for", "{a} is for {value}", "for {value}", {
        "hammer": "hitting nails", "saw": "cutting boards", "drill": "making holes", "spade": "digging holes",
        "rake": "gathering leaves", "axe": "chopping wood", "wrench": "turning bolts", "chisel": "carving stone",
        "ladder": "climbing up", "shovel": "moving snow", "spoon": "eating soup", "fork": "eating noodles",
        "knife": "cutting bread", "cup": "drinking tea", "plate": "serving dinner", "bowl": "mixing dough",
        "pan": "frying eggs", "pot": "cooking stew", "kettle": "boiling water", "jug": "pouring milk",
        "chair": "sitting", "bed": "sleeping", "desk": "writing", "shelf": "keeping books",
        "kite": "flying in the wind", "ball": "playing catch", "bus": "taking people to work", "truck": "moving loads",
    }),
    "worn": Attribute("where {a} is worn", "{a} is worn {value}", "{value}", _invert({
        "on the head": "hat", "around the neck": "scarf", "on the feet": "sock boot", "on the hands": "glove",
        "over the shirt": "coat vest", "on the body": "shirt dress", "around the waist": "skirt",
    })),
    "played": Attribute("how {a} is played", "{a} is played {value}", "{value}", _invert({
        "with sticks": "drum", "by blowing": "flute trumpet horn", "with a bow": "violin cello",
        "with the fingers": "harp guitar banjo", "by pressing keys": "piano",
    })),
    "place": Attribute("where {a} moves", "{a} moves {value}", "{value}", _invert({
        "on the road": "car van bike scooter cart", "on rails": "train tram", "on the water": "ship",
    })),
    "found": Attribute("where {a} is kept", "{a} is kept {value}", "{value}", _invert({
        "in the garage": "hammer drill wrench", "in the shed": "spade rake shovel axe",
        "in a drawer": "spoon fork knife", "in the cupboard": "plate bowl jug", "on the stove": "kettle pan pot",
        "in the toy box": "doll puzzle marble puppet",
        "in the closet": "coat dress skirt",
    })),
}  # fmt: skip
FACTS = tuple((thing, name) for name, attribute in ATTRIBUTES.items() for thing in attribute.values)
