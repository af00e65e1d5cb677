"""Numbers in words in eleven languages: values, and multipliers such as "hundred"."""

from __future__ import annotations

_COUNTS = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen "
    "sixteen seventeen eighteen nineteen",
    "null eins zwei drei vier fünf sechs sieben acht neun zehn elf zwölf dreizehn vierzehn "
    "fünfzehn sechzehn siebzehn achtzehn neunzehn",
    "zéro - deux trois quatre cinq six sept huit neuf dix onze douze treize quatorze quinze seize",
    "cero - dos tres cuatro cinco seis siete ocho nueve diez once doce trece catorce quince",
    "zero - dois três quatro cinco seis sete oito nove dez onze doze treze quatorze quinze",
    "- одном два три четыре пять шесть семь восемь девять десять",
    "- одной двух трех четырех пяти шести семи восьми девяти десяти",
    "- одно две трёх четырёх",
    "- одну двумя тремя четырьмя пятью шестью",
    "- واحدة اثنين ثلاث أربع خمس ست سبع ثمان تسع عشر",
    "- - - ثلاثة أربعة خمسة ستة سبعة ثمانية تسعة عشرة",
    "- एक दो तीन चार पाँच छह सात आठ नौ दस",
    "- - - - - पांच छः",
    "- 一 二 三 四 五 六 七 八 九",
    "- - 两 - - - 陆",
    "- - 兩 - 네",
    "- 한 두 세 네 다섯 여섯 일곱 여덟 아홉 열",
    "- - duas",
)
_TENS = (
    "twenty thirty forty fifty sixty seventy eighty ninety",
    "zwanzig dreißig vierzig fünfzig sechzig siebzig achtzig neunzig",
    "vingt trente quarante cinquante soixante",
    "veinte treinta cuarenta cincuenta sesenta setenta ochenta noventa",
    "vinte trinta quarenta cinquenta sessenta setenta oitenta noventa",
    "двадцать тридцать сорок пятьдесят шестьдесят семьдесят восемьдесят девяносто",
    "двадцати тридцати сорока пятидесяти шестидесяти семидесяти восьмидесяти девяноста",
    "عشرين ثلاثين أربعين خمسين ستين سبعين ثمانين تسعين",
    "बीस तीस चालीस पचास साठ सत्तर अस्सी नब्बे",
    "스무 서른 마흔",
)
_HUNDREDS = (
    "- doscientas trescientas cuatrocientas quinientas seiscientas setecientas ochocientas",
    "- doscientos trescientos cuatrocientos quinientos seiscientos setecientos ochocientos",
    "cento duzentas trezentas quatrocentas quinhentas seiscentas setecentas oitocentas",
    "ciento duzentos trezentos quatrocentos quinhentos seiscentos setecentos oitocentos",
    "сто двести триста четыреста пятьсот шестьсот семьсот восемьсот девятьсот",
    "ста двухсот трехсот четырехсот пятисот шестисот семисот восьмисот девятисот",
    "cien - трёхсот четырёхсот",
    "مئة مئتي ثلاثمئة أربعمئة خمسمئة ستمئة سبعمئة ثمانمئة",
    "مائة مائتي ثلاثمائة أربعمائة خمسمائة ستمائة سبعمائة ثمانمائة",
    "- مئتين",
    "- مائتين",
)


def _spelt() -> dict[str, int]:
    found: dict[str, int] = {}
    for rows, step, start in ((_COUNTS, 1, 0), (_TENS, 10, 2), (_HUNDREDS, 100, 1)):
        for row in rows:
            for at, word in enumerate(row.split(), start):
                found[word] = step * at
    return found


_ONES = {"ein": 1, **{word: at for at, word in enumerate(_COUNTS[1].split()[2:10], 2)}}


def _german() -> dict[str, int]:
    """The compounds of German: "dreiundzwanzig", "zweihundertfünfzig", "zweitausend"."""
    tens = {word: 10 * at for at, word in enumerate(_TENS[1].split(), 2)}
    small = {f"{one}und{ten}": a + b for one, a in _ONES.items() for ten, b in tens.items()}
    small |= tens | {word: at for at, word in enumerate(_COUNTS[1].split())} | {"": 0}
    large = dict(small)
    for one, a in {**_ONES, "": 1}.items():
        large |= {f"{one}hundert{rest}": 100 * a + b for rest, b in small.items()}
    for one, a in {**_ONES, "": 1, "zehn": 10}.items():
        large |= {f"{one}tausend": 1000 * a, f"{one}tausendfünfhundert": 1000 * a + 500}
    return {word: value for word, value in large.items() if word}


VALUES: dict[str, int] = {**_spelt(), **_german()}
VALUES |= {"single": 1, "couple": 2, "few": 3, "several": 5, "einzigen": 1, "seule": 1, "sola": 1}
VALUES |= {"واحد": 1, "dozen": 12, "ألفي": 2000, "ألفين": 2000, "única": 1}
VALUES |= {"paar": 3, "quelques": 3, "unas pocas": 3, "几": 3, "несколько": 4, "몇": 3}
VALUES.pop("-", None)

ARTICLES = "a|an|ein|eine|einen|einem|einer|un|une|una|uno|um|uma"
"""Words for one that are articles as well."""

SINO_KOREAN = {"일": 1, "이": 2, "삼": 3, "사": 4, "오": 5, "육": 6, "칠": 7, "팔": 8, "구": 9}
"""Digits that are also common syllables: they count before a multiplier alone."""

MULTIPLIERS: dict[str, int] = {
    **dict.fromkeys(["hundred", "cent", "cents", "cem", "百", "सौ", "백"], 100),
    **dict.fromkeys(["十", "십"], 10),
    **dict.fromkeys(["thousand", "mil", "mille", "千", "천", "हज़ार", "हजार", "हज\u093cार"], 1000),
    **dict.fromkeys(["тысяча", "тысячи", "тысяч", "ألف", "آلاف"], 1000),
    **dict.fromkeys(["万", "萬", "만"], 10000),
}
AND = "and|und|et|y|e|-|و"
"""Words that join the parts of a number."""
