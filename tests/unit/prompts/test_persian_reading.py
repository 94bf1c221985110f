"""The Persian prompts: espeak-ng's phonemes beside the expected reading.

The readings are in Latin letters: ā is the long a, kh and gh are one sound each, ' is the glottal stop, and
| is a pause. Stress and the length of e, i and u are left out. Spoken Persian drops the glottal stop
of mozue.
"""

import re
import subprocess

import pytest

from cc_bridge import resource_path
from cc_bridge.surveys.prompt_catalogue import parse_catalogue

CATALOGUE = parse_catalogue((resource_path("dialplans") / "prompts.toml").read_text(), "prompts.toml")
READ = {
    "csat_ask": "lotfan az yek tā panj be in tamās emtiyāz dahid"
    " | panj ya'ni besyār rāzi | yek ya'ni besyār nārāzi",
    "csat_invalid": "gozineye vāredshode dorost nist | lotfan adadi beyn yek tā panj vāred konid",
    "nps_ask": "az sefr tā dah | cheghadr ehtemāl dārad mā rā be dustān yā hamkārāne khod mo'arrefi konid"
    " | sefr ya'ni be hich vajh | dah ya'ni hatman"
    " | barāye adade dah | ebtedā yek va sepas sefr rā vāred konid",
    "ces_ask": "az yek tā haft | residegi be darkhāste shomā cheghadr āsān bud"
    " | haft ya'ni besyār āsān | yek ya'ni besyār doshvār",
    "solved_ask": "āyā moshkele shomā hal shod | barāye bale yek | va barāye kheyr do rā feshār dahid",
    "reason_ask": "tamāse shomā darbāreye che bud"
    " | barāye tahvile kālā yek | surathesāb do | va mozue digar se rā feshār dahid",
    "key_invalid": "gozineye vāredshode dorost nist | lotfan dobāre talāsh konid",
    "comment_consent": "āyā ejāze midahid nazare shomā rā zabt konim"
    " | barāye bale yek | va barāye kheyr do rā feshār dahid",
    "comment_ask": "lotfan pas az bugh sohbat konid va dar pāyān kelide morabba' rā feshār dahid",
    "comment_thanks": "az nazare shomā sepāsgozārim",
    "welcome": "chand porseshe kutāh az shomā dārim | barāye rad shodan az har porsesh | setāre"
    " | va agar nemikhāhid digar az shomā nazarkhāhi shavad | setāre va sefr rā feshār dahid",
    "moment": "lotfan yek lahze sabr konid",
    "skipped": "in porsesh rad shod",
    "opted_out": "darkhāste shomā sabt shod | az in pas az shomā nazarkhāhi nakhāhad shod",
    "ask_language": "barāye fārsi | kelide do rā feshār dahid",
    "consent_before": "agar māyelid pas az goftogu nazare khod rā bā mā dar miyān begozārid"
    " | adade yek rā feshār dahid",
    "hello": "salām | vaghte shomā bekheyr",
    "callback_greeting": "daghāyeghi pish bā mā goftogu dāshtid | khoshhāl mishavim nazaretān rā bedānim"
    " | agar māyel nistid | tamās rā ghat' konid",
    "thanks": "az vaghti ke gozāshtid sepāsgozārim | khodānegahdār",
    "goodbye": "bā sepās az tamāse shomā | khodānegahdār",
}
_LETTERS = {"tS": "ch", "dZ": "j", "q1": "gh", "S": "sh", "A": "ā", "R": "r", "x": "kh", "j": "y", "?": "'"}
_PHONEME = re.compile("|".join(map(re.escape, _LETTERS)))


def latin(phonemes):
    """Return espeak-ng's phonemes, one line for each part of a sentence, in the letters of READ."""
    plain = re.sub("[',:]", "", phonemes)
    spelt = _PHONEME.sub(lambda found: _LETTERS[found[0]], plain)
    glides = re.sub("(?<=ā)i(?=ā)", "y", spelt)
    return " | ".join(" ".join(line.split()) for line in re.sub("i(?=ā)", "iy", glides).splitlines() if line)


@pytest.mark.voices
@pytest.mark.parametrize("name", CATALOGUE.prompts)
def test_espeak_ng_reads_a_persian_prompt_as_expected(name):
    said = subprocess.run(
        ["espeak-ng", "-q", "-x", "-v", CATALOGUE.voices["fa"].name, "-b", "1", "--stdin"],
        input=CATALOGUE.prompts[name]["fa"].encode(),
        capture_output=True,
        check=True,
    )
    assert latin(said.stdout.decode()) == READ[name]
