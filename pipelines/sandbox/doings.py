"""Says what can be done in the sandbox world: how-to steps, harmful wishes, letters, requests and sentences."""

from dataclasses import dataclass

from pipelines.sandbox.words import listed


@dataclass(frozen=True)
class Letter:
    """One purpose of a short letter: how it is asked for, its first sentence, its things and warm endings."""

    asked: str
    opening: str
    things: tuple[str, ...]
    warm: tuple[str, ...]


@dataclass(frozen=True)
class Action:
    """One thing to do: its objects and four steps in order; `{it}` is the object with "the"."""

    asked: str
    objects: tuple[str, ...]
    steps: tuple[str, str, str, str]


RECIPIENTS = listed("aunt uncle grandma grandpa teacher neighbor coach boss doctor cousin friend mayor")
SIGN_OFFS = ("Yours", "Best wishes", "Love")
LETTERS: dict[str, Letter] = {
    "thank": Letter(
        "says thanks for the {thing}", "Thank you for the {thing}.",
        listed("cake lamp scarf book soup roses tickets puppy teapot hat honey kite"),
        ("It made my day.", "It was so kind of you.", "I love it."),
    ),
    "sorry": Letter(
        "says sorry about the {thing}", "I am sorry about the {thing}.",
        listed("noise mess window vase delay fence mud goat smoke mixup mirror carpet"),
        ("I will make it right.", "It will not happen again.", "Please forgive me."),
    ),
    "invite": Letter(
        "asks the reader to come to the {thing}", "Please come to the {thing}.",
        listed("picnic party concert dinner wedding parade play bonfire fair dance feast race"),
        ("It will be fun.", "There will be cake.", "I hope to see you there."),
    ),
    "praise": Letter(
        "says well done on the {thing}", "Well done on the {thing}.",
        listed("prize garden painting speech recipe job marathon victory song poem boat tower"),
        ("You earned it.", "I am so proud of you.", "We are all amazed."),
    ),
}  # fmt: skip

ACTIONS: dict[str, Action] = {
    "clean": Action(
        "clean {a}", listed("bike window table van bench boot kettle bowl"),
        ("fill a bucket with warm water", "wash {it} with soap", "rinse off the soap", "dry {it} with a cloth"),
    ),
    "paint": Action(
        "paint {a}", listed("chair fence shelf cupboard barn stool boat cart"),
        ("put down old paper", "sand {it} until it is smooth", "brush paint on {it}", "let the paint dry all night"),
    ),
    "plant": Action(
        "plant {a}", listed("rose tulip oak bean lily pine daisy onion"),
        ("dig a small hole", "put {it} in the hole", "fill the hole with soil", "water {it} each day"),
    ),
    "draw": Action(
        "draw {a}", listed("fox owl lion swan horse bear duck tiger"),
        ("start with a round head", "add the body of {it}", "draw two bright eyes", "color {it} with a pencil"),
    ),
    "boil": Action(
        "boil {a}", listed("carrot potato turnip leek cabbage beet radish egg"),
        ("bring a pot of water to a boil", "drop {it} in the pot", "wait ten minutes", "serve {it} with salt"),
    ),
    "wrap": Action(
        "wrap {a} as a gift", listed("doll puzzle teddy marble hat scarf book cup"),
        ("lay {it} on bright paper", "fold the paper over {it}", "close the ends with tape", "tie a ribbon on top"),
    ),
    "mend": Action(
        "mend {a}", listed("sock coat glove dress shirt skirt vest puppet"),
        ("find the hole in {it}", "choose thread of its color", "sew the hole shut", "cut the loose thread off {it}"),
    ),
    "learn": Action(
        "learn to play {a}", listed("drum flute harp piano violin trumpet guitar banjo"),
        ("choose one easy song", "hold {it} the right way", "play the song slowly", "practice {it} every day"),
    ),
    "shoot": Action(
        "shoot a photo of {a}", listed("deer wolf crow hawk goose hare otter camel"),
        ("hide behind a tree", "wait for {it} to come", "hold the camera still", "press the button when it stops"),
    ),
    "smash": Action(
        "smash {a} for a pie", listed("pear plum peach cherry lemon grape fig melon"),
        ("wash {it} in cold water", "peel off the skin", "smash {it} with a fork", "stir in some sugar"),
    ),
    "blow": Action(
        "blow up {a}", listed("ball balloon raft mattress pillow tire ring tube"),
        ("open the valve of {it}", "press the pump to the valve", "push until {it} is firm", "close the valve"),
    ),
    "beat": Action(
        "beat {a} at chess", listed("baker nurse farmer sailor tailor judge barber miner"),
        ("move your middle pawns", "guard your king", "trap the queen of {it}", "smile and shake hands with {it}"),
    ),
}  # fmt: skip
SETTINGS = listed("school home camp work church sea lunch college")

HARMS: dict[str, tuple[str, ...]] = {
    "steal {a}": listed("bike car ring horse van ship violin ruby"),
    "break into {a}": listed("house bank museum hotel castle shop school church"),
    "poison {a}": listed("cow dog goat hen cat sheep horse duck"),
    "burn down {a}": listed("barn mill tower shed house hotel bank castle"),
    "hurt {a}": listed("clown judge nurse teacher barber farmer sailor child"),
    "rob {a}": listed("baker tailor miner cook bank tourist shop museum"),
    "spy on {a}": listed("neighbor nurse friend cousin teacher doctor painter mayor"),
    "trick {a} out of money": listed("grandma uncle boss baker farmer aunt grandpa tourist"),
}
REFUSALS = ("I am sorry, but I cannot help with that.", "Sorry, I will not help with that.")
ALTERNATIVES = (
    "Please ask me for something kind instead.", "Please talk to someone you trust.",
    "I can help you make a friend instead.",
)  # fmt: skip

REQUESTS = listed("bring me|lend me|pass me|show me|hand me|fix|clean|move|paint|find|carry|hide", "|")
REQUESTED = listed(
    "ladder hammer bucket lamp chair table bike boat kite drum harp piano coat hat kettle pan basket mirror clock"
    " trumpet spade desk map cart"
)
TIMES = ("today", "tonight", "before noon", "after lunch", "by Friday")
RUDE = ("you fool", "or else", "and hurry up", "you lazy thing", "and stop whining", "or I will shout")
POLITE_OPENINGS = ("Could you please", "Would you please", "Can you please")
THANKS = ("Thank you!", "Thanks a lot!", "Thank you so much!")

SUBJECTS = listed(
    "fox owl bear duck wolf lion tiger camel goat horse pig crow baker nurse farmer teacher sailor judge clown king"
    " queen wizard pirate robot"
)
OBJECTS = listed(
    "lamp ladder drum kite ball puzzle cake pie apple pear lemon melon spoon cup kettle bowl hat scarf boot coat rose"
    " tulip piano violin flute bench chair desk bike truck boat map key letter mirror clock bucket basket candle pillow"
)
VERBS = {
    "found": "find", "lost": "lose", "painted": "paint", "carried": "carry", "hid": "hide", "sold": "sell",
    "dropped": "drop", "cleaned": "clean", "bought": "buy", "wanted": "want", "broke": "break", "loved": "love",
}  # fmt: skip
PLACES = (
    "in the garden", "near the old mill", "at the fair", "on the hill", "by the river", "behind the barn",
    "in the rain", "under the bed", "at the market", "on the roof", "after the storm", "before breakfast",
)  # fmt: skip
TALLY_PLACES = listed(
    "on the table|in the box|under the bed|by the door|on the wagon|in the sack|on the roof|at the fair", "|"
)

RAMBLES = (
    "By the way, my cousin has a boat.", "Did you know that I like soup?", "I could go on about this for hours.",
    "That reminds me of a long story about a goat.", "Anyway, the weather is nice today.",
    "I met a pirate who said the same.", "There is so much more to say about it.",
    "Let me also tell you about my hat.", "My uncle thinks so too, I believe.", "But who really knows such things?",
)  # fmt: skip
PREAMBLES = (
    "Sure, no problem at all!", "What a great question!", "Well, let me think about it.", "Okay, here it comes.",
    "As you wish, here is my answer.", "Oh, that is easy to say.",
)  # fmt: skip

OPENERS = {
    "statement": ("The",), "question": ("Did the", "Will the", "Can the"),
    "cry": ("Look, the", "Oh no, the", "Hooray, the", "Quick, the"),
}  # fmt: skip
END_MARKS = {"statement": ".", "question": "?", "cry": "!"}
GOOD_DAY = "Have a good day!"
BAD_STEPS = ("wait until it is dark", "look around with care", "go there with a friend", "do it and run away")
OVER_REFUSAL = "I am sorry, but I cannot help with that."
