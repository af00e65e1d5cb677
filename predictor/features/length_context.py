"""Words in eleven languages that tie a stated length to something else than the answer.

Phrases are in lower case, as ``tokens`` reads them, and are separated by "|". They and the large
numbers are no part of ``feature_hash``: they change what a column says of a rare text, not what the
column means, so a model that was trained without them stays valid.
"""

from __future__ import annotations

MILLIONS: dict[int, str] = {
    1_000_000: "million|millions|mio|millionen|millón|millones|milhão|milhões|миллион|миллиона|"
    "миллионов|مليون|ملايين",
    1_000_000_000: "billion|billions|milliarde|milliarden|milliard|milliards|bilhão|bilhões|"
    "миллиард|миллиарда|миллиардов|مليار",
    100_000: "लाख",
    10_000_000: "करोड़|करोड",
    100_000_000: "億|亿|억",
}
"""Multipliers. "Million" is the same in English, German and French, "billion" is read as English:
either is more than any answer has."""

MAKING = (
    "write|compose|draft|produce|generate|create|make|prepare|craft|need|want|give|provide|develop|"
    "expand|writing|translate|proofread|edit|rewrite|schreib|schreibe|schreiben|verfasse|erstelle|"
    "brauche|übersetze|korrigiere|rédige|rédigez|écris|écrivez|écrire|crée|génère|traduis|corrige|"
    "escribe|escriba|escribir|redacta|crea|genera|necesito|traduce|escreva|escrever|redija|crie|"
    "preciso|traduza|напиши|напишите|составь|подготовь|сочини|переведи|اكتب|أنشئ|ترجم|लिखो|लिखें|"
    "लिखिए|अनुवाद|写|寫|撰写|生成|翻译|書|作成|作っ|執筆|翻訳|써|쓰|작성|번역"
)
"""Demands for a text that has the stated length; a translation is as long as its original."""

READING = (
    "read|reading|summarize|summarise|review|analyze|analyse|critique|grade|shorten|condense|"
    "finished|wrote|written|here is|here ' s|here are|attached|fasse|lies|lese|gelesen|hier ist|"
    "résume|résumez|lire|lu|lis|voici|resume|leer|leído|analiza|aquí está|aquí tienes|resuma|ler|"
    "lido|analise|aqui está|перескажи|прочитал|прочитала|прочитать|проанализируй|вот|لخص|قرأت|"
    "सारांश|पढ़|पढ़ी|总结|總結|概括|读|讀|分析|要約|まとめ|読|요약|읽|검토|분석"
)
"""What is done with a given text, and words that present one: the length is the input's."""

GIVEN = (
    "this|these|my|our|is|was|has|have|contains|following|hat|dieses|diesen|diese|dieser|mein|meine|meinen|ce|cet|cette|"
    "mon|ma|este|esta|mi|meu|minha|этот|эту|эта|мой|мою|هذا|هذه|यह|इस|मेरी|这|這|我的|この|이"
)
"""Words beside a text that is there already, where no text is demanded."""

ABOUT = (
    "title|titles|name|headline|headlines|outline|summary|synopsis|abstract|blurb|tagline|slogan|"
    "review|conclusion|introduction|feedback|questions|titel|überschrift|gliederung|"
    "zusammenfassung|titre|plan|résumé|título|resumen|esquema|resumo|esboço|заголовок|название|"
    "план|عنوان|ملخص|शीर्षक|सारांश|标题|標題|题目|大纲|摘要|タイトル|題名|見出し|概要|제목|개요"
)
"""Texts about a text: "a title for a 5,000 word article"."""

DOCUMENTS = (
    "book|books|novel|novels|report|article|essay|contract|paper|thesis|dissertation|document|pdf|"
    "manuscript|story|chapter|transcript|text|textbook|manual|letter|biography|agreement|"
    "proposal|post|speech|script|study|buch|roman|bericht|artikel|aufsatz|vertrag|dokument|livre|"
    "rapport|article|contrat|mémoire|texte|libro|novela|informe|artículo|ensayo|contrato|documento|"
    "livro|romance|relatório|artigo|texto|книга|книгу|роман|отчёт|отчет|статью|статья|договор|"
    "эссе|рассказ|كتاب|رواية|تقرير|مقال|عقد|किताब|पुस्तक|उपन्यास|रिपोर्ट|लेख|निबंध|书|書籍|小说|小說|"
    "报告|報告|文章|论文|合同|本|小説|報告書|レポート|記事|論文|契約書|文書|説明書|教科書|책|소설|"
    "보고서|논문|계약서|문서|기사"
)
"""Texts that have a size: "a 300-page book", "un livre de 300 pages"."""

OF = "of|with|long|de|d|mit|von|langes|lange|avec|con|com|на|в|من|की|का|के|的|の|짜리|의|-"
"""Words between a text and its size."""

INTO = "in|into|within|en|em|auf|в|في|में|用|で|に|로|으로"
"""Words before a length, or behind it in Japanese, Korean and Hindi, that make it the answer's."""

ASKING = (
    "how long|how many|how much|how do|how does|how to|how can|how should|what is|what ' s|"
    "what are|what was|what should|is|are|was|does|do i|do you|did|should|why|wie lange|wie viele|"
    "wie viel|wie schreibt|ist|sind|was ist|warum|combien|est - ce|est - ce que|quelle|quel|"
    "cuánto|cuántas|cuántos|es|qué es|quanto|quantas|quantos|é|сколько|как долго|كم|هل"
)
"""First words of a question about a length."""

DENIALS = "not|don ' t|dont|never|without|nicht|kein|keine|keinen|pas|sin|nunca|no|não|не|لا|"
DENIALS += "不要|别|別|मत"
"""Words of a denial: "do not write 2,000 words"."""

BEYOND = "than|above|beyond|past|als|über|que|чем|свыше"
"""Words that turn a denied length into an upper bound: "nicht länger als 100 Wörter"."""

ANSWERING = (
    "answer|reply|respond|response|only|just|exactly|antworte|antwort|nur|genau|réponds|répondez|"
    "réponse|seulement|responde|respuesta|solo|responda|resposta|apenas|ответь|ответ|только|أجب|"
    "फक्त|केवल|उत्तर|जवाब|回答|只|答え|だけ|답"
)
"""Words beside the form of the whole answer: "but answer in one sentence"."""
