"""Words of stated lengths in eleven languages: numbers, units, bounds and verbs.

Phrases are in lower case, as ``tokens`` reads them, and are separated by "|".
"""

from __future__ import annotations

WORD_UNITS: dict[float, str] = {
    1.35: "word|words|字单词|个单词|单词",
    1.9: "wort|wörter|wörtern|worte|worten|शब्द|शब्दों",
    1.6: "mot|mots|palavra|palavras|語|単語|词|個詞",
    1.5: "palabra|palabras",
    2.2: "слово|слова|слов|словах|словами",
    2.1: "كلمة|كلمات|الكلمات",
    2.4: "단어|어절",
}
"""Tokens of a word. English: 1.35 with the punctuation and the marks of an answer, where running
text has 1.05 with o200k_base. The others: 1.29 times their figure for a paragraph of our own
(German 1.55, French 1.29, Spanish 1.22, Portuguese 1.33, Russian 1.89, Arabic 1.82, Hindi 1.54,
Korean 2.27). A Chinese or Japanese word has two characters."""

CHARACTER_UNITS: dict[float, str] = {
    0.75: "字|个字|個字|汉字|漢字|文字|자|글자",
    0.25: "character|characters|char|chars",
    0.3: "zeichen|buchstaben|caractère|caractères|carácter|caracteres|caractere|letras",
    0.36: "символ|символа|символов|знаков|знака|букв",
    0.4: "حرف|حرفا|حرفًا|أحرف|حروف|अक्षर|अक्षरों|वर्ण|वर्णों",
}
"""Tokens of a character: as in ``script``; a Latin character with its share of the spaces."""

SENTENCE_UNITS: dict[float, str] = {
    24.0: "sentence|sentences|句|句话|句話|个句子|句子",
    26.0: "文|文章|センテンス|문장|줄문장",
    28.0: "satz|sätze|sätzen|phrase|phrases|frase|frases|oración|oraciones",
    30.0: "предложение|предложения|предложений|предложениях|предложениями|предложении|"
    "جملة|جمل|वाक्य|वाक्यों",
}
"""Tokens of a sentence: some 18 words."""

PARAGRAPH_UNITS: dict[float, str] = {
    110.0: "paragraph|paragraphs|段|段落|个段落|パラグラフ|단락|문단",
    130.0: "absatz|absätze|absätzen|paragraphe|paragraphes|párrafo|párrafos|parágrafo|parágrafos|"
    "абзац|абзаца|абзацев|абзацах|абзаце|абзацами|فقرة|فقرات|अनुच्छेद|अनुच्छेदों|पैराग्राफ",
}
"""Tokens of a paragraph: some 80 words."""

LOOSE_UNITS: dict[float, str] = {
    14.0: "line|lines|zeile|zeilen|ligne|lignes|línea|líneas|linha|linhas|строка|строки|строк|"
    "строках|سطر|أسطر|سطور|पंक्ति|पंक्तियों|पंक्तियाँ|行|줄",
    45.0: "stanza|stanzas|verse|verses|strophe|strophen|strophes|estrofa|estrofas|estrofe|estrofes",
    600.0: "page|pages|seite|seiten|página|páginas|страница|страницы|страниц|страницах|страницу|"
    "صفحة|صفحات|पृष्ठ|पृष्ठों|पन्ने|पेज|页|頁|ページ|페이지|쪽",
    1.0: "token|tokens|токенов",
}
"""Tokens of units that are as often a measure of something else: of a file, a book, an input. A
line has ten words, a page 450, a stanza four lines of verse."""

MINUTE = 175.0
"""Tokens of a minute of speech: 130 words, the pace of a lecture."""
MINUTES = "minute|minutes|min|minuten|minuto|minutos|минуты|минут|минуту|"
MINUTES += "دقيقة|دقائق|मिनट|分钟|分鐘|分間|분"
SPEECHES = (
    "speech|talk|presentation|monologue|toast|sermon|lecture|podcast|voiceover|rede|vortrag|"
    "discours|exposé|discurso|presentación|presentação|charla|palestra|речь|доклад|выступление|"
    "خطاب|كلمة|भाषण|演讲|演講|发言|スピーチ|講演|発表|연설|발표|스피치"
)

FIXED: dict[float, str] = {
    300.0: "half a page|half page|halbe seite|halben seite|demi page|demi - page|media página|"
    "meia página|полстраницы|半页|半頁|반 페이지",
    60.0: "جملتين",
    4.2: "كلمتين",
    260.0: "فقرتين",
}
"""Tokens of a number and its unit in one."""

ITEMS = (
    "item|example|idea|tip|way|reason|point|step|thing|fact|question|name|bullet|benefit|advantage|"
    "strategy|strategies|method|suggestion|type|feature|factor|characteristic|country|countries|"
    "option|title|synonym|adjective|song|movie|book|place|recipe|activity|activities|use|element|"
    "headline|slogan|key word|keyword|bullet point|pro|con|argument|tweet|exercise|"
    "tipp|tipps|ideen|idee|gründe|beispiele|schritte|punkte|vorschläge|fragen|vorteile|titel|fakten|"
    "consejos|ideas|razones|ejemplos|pasos|puntos|preguntas|ventajas|títulos|datos|formas|maneras|"
    "conseils|idées|raisons|exemples|étapes|points|avantages|titres|faits|façons|"
    "dicas|ideias|razões|motivos|exemplos|passos|pontos|perguntas|vantagens|fatos|"
    "советов|совета|идей|идеи|причин|причины|примеров|примера|шагов|шага|пунктов|пункта|фактов|"
    "факта|вопросов|вопроса|способов|способа|преимуществ|"
    "نصائح|أفكار|أسباب|أمثلة|خطوات|نقاط|أسئلة|طرق|فوائد|حقائق|"
    "सुझाव|विचार|कारण|उदाहरण|कदम|बिंदु|तरीके|सवाल|प्रश्न|फायदे|तथ्य"
)
"""Items of a list; those in English with their plural in -s."""

COUNTERS = "个|個|つ|条|條|点|點|项|項|種|种|首|案|選|개|가지|가지의|편|곳|명"
"""Counters of Chinese, Japanese and Korean: items of a list where a list is demanded."""

LISTING = (
    "list|name|give|give me|suggest|recommend|enumerate|provide|brainstorm|generate|propose|write|"
    "create|top|nenne|nenn|gib|liste|schreib|schreibe|empfiehl|erstelle|dame|enumera|menciona|"
    "escribe|sugiere|recomienda|lista|da|donne|donne - moi|cite|énumère|propose|écris|suggère|"
    "dê|cite|liste|sugira|escreva|enumere|назови|перечисли|дай|приведи|предложи|напиши|составь|"
    "اذكر|أعطني|عدد|اقترح|اكتب|列出|列举|列舉|给我|給我|给出|推荐|推薦|写出|举出|说出|提供|想|"
    "挙げ|あげて|教えて|ください|提案|出して|考えて|列挙|"
    "알려|추천|나열|제시|말해|적어|써|बताओ|बताइए|बताएं|दो|दीजिए|दें|लिखो|लिखें|लिखिए|सुझाओ"
)
WRITING = (
    "write|compose|answer|respond|reply|summarize|summarise|describe|explain|draft|"
    "produce|essay|article|story|summary|poem|letter|email|blog|post|report|review|paper|text|"
    "response|abstract|bio|introduction|schreib|schreibe|schreiben|verfasse|antworte|erkläre|"
    "beschreibe|fasse|zusammenfassung|aufsatz|artikel|erzähle|escriba|escribir|redacta|resume|"
    "responde|explica|describe|ensayo|resumen|cuento|écrivez|écrire|rédige|rédigez|résume|"
    "réponds|répondez|explique|décris|rédaction|résumé|dissertation|texte|escrever|redija|resuma|"
    "responda|explique|descreva|redação|resumo|artigo|texto|ответь|опиши|объясни|расскажи|кратко|"
    "эссе|сочинение|статью|рассказ|перескажи|اشرح|لخص|أجب|صف|مقال|مقالا|مقالة|قصة|ملخص|निबंध|"
    "समझाओ|समझाइए|समझाएं|उत्तर|जवाब|लेख|कहानी|सारांश|写|寫|作文|文章|回答|总结|總結|概括|介绍|"
    "介紹|解释|描述|摘要|書|まとめ|要約|説明|答え|述べ|作文|感想|작성|요약|설명|답|소개|에세이"
)
"""Words of a demand for a text: beside them a length is the answer's."""

COUNTING = (
    "count|numbers|integers|zähle|zähl|zahlen|cuenta|contar|números|compte|comptez|compter|nombres|"
    "conte|посчитай|считай|числа|عد|الأعداد|الأرقام|गिनो|गिनती|संख्याएँ|数|數|数字|數字|数え|세|숫자"
)

TARGETS = (
    "in|than|most|exactly|about|around|approximately|roughly|between|totaling|"
    "etwa|ungefähr|circa|genau|rund|zirka|en|environ|exactement|entre|unos|unas|aproximadamente|"
    "exactamente|em|cerca de|exatamente|в|около|примерно|ровно|из|في|حوالي|تقريبا|بالضبط|लगभग|"
    "करीब|में|用|约|約|大约|大約|大概|左右|上下|程度|ほど|くらい|ぐらい|ちょうど|で|として|"
    "약|정도|내외|로|으로|짜리"
)
WEAK_TARGETS = (
    "using|only|with|a|an|to|of|just|auf|mit|aus|von|ein|eine|einen|einem|einer|de|con|un|una|"
    "sur|avec|une|com|um|uma|на|من|مكون من|مكونة من|के|का|की|の"
)
"""Words that make the next number a limit in a short text alone: "a poem of 50 words"."""

UPPER = (
    "at most|no more than|not more than|less than|fewer than|under|within|max|maximum|up to|below|"
    "no longer than|exceed|exceeding|limit|limited to|limit to|shorter than|or less|or fewer|"
    "or under|tops|höchstens|maximal|maximum|nicht mehr als|weniger als|bis zu|oder weniger|unter|"
    "como máximo|máximo|no más de|menos de|hasta|o menos|au plus|au maximum|maximum|moins de|"
    "pas plus de|jusqu ' à|ou moins|dépasser|no máximo|não mais de|não mais que|até|ou menos|"
    "не более|не больше|максимум|до|менее|не длиннее|कम|अधिकतम|से कम|से अधिक नहीं|ज़्यादा से ज़्यादा|"
    "لا يزيد عن|لا يزيد|لا تزيد|لا تتجاوز|لا يتجاوز|كحد أقصى|بحد أقصى|على الأكثر|أقل من|"
    "不超过|不超過|不多于|最多|以内|以內|之内|以下|不到|少于|まで|最大|最長|未満|内で|以内で|"
    "이내|이하|최대|넘지|미만|안에"
)
LOWER = (
    "at least|no less than|no fewer than|not less than|not fewer than|more than|over|minimum|"
    "longer than|or more|or longer|minimum of|mindestens|wenigstens|nicht weniger als|mehr als|"
    "oder mehr|al menos|por lo menos|como mínimo|mínimo|más de|o más|no menos de|au moins|minimum|"
    "plus de|au minimum|ou plus|pas moins de|pelo menos|no mínimo|mais de|ou mais|não menos de|"
    "не менее|не меньше|минимум|более|больше|хотя бы|على الأقل|لا يقل عن|لا تقل عن|أكثر من|"
    "कम से कम|न्यूनतम|से अधिक|至少|不少于|不少於|不低于|以上|最少|超过|超過|多于|最低|少なくとも|"
    "より多く|이상|최소|적어도|넘게"
)
EACH = "each|per|every|apiece|jeweils|jede|jeder|jedes|cada|chacun|chacune|chaque|каждый|"
EACH += "каждая|каждое|каждого|каждой|لكل|كل|प्रत्येक|हर|每|每个|各|それぞれ|ずつ|각각|각|씩|마다"
RANGES = "-|to|and|or|bis|und|oder|à|a|ou|et|y|o|e|до|или|إلى|أو|से|到|至|或|から|か|~|에서|부터"
FOREIGN = (
    "string|strings|input|inputs|contains|contain|containing|consist|consists|given|array|file|"
    "integers|password|version|chapter|step|figure|question|line|page|section|python|following|"
    "first|last|next|previous|read"
)
"""Words between a demand and a number that tie the number to something else than the answer."""
LABELS = "version|v|chapter|figure|question|section|step|page|line|no|python|kapitel|capítulo|"
LABELS += "capitulo|chapitre|seite|página|глава|страница|№|第|제"
"""Words before a number that is a name: "chapter 3", "version 2"."""
COUNTS = {
    1.35: "word count|word limit|wortzahl|número de palabras|nombre de mots|número de palavras"
}
COUNTS |= {0.75: "字数|字數|文字数|글자 수|글자수|분량", 0.25: "character count|character limit"}
"""Measures that stand before their number: "word count: 500"."""
