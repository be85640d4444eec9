/**
 * Mail to search in: a vocabulary of 50,000 words used as people use words (Zipf), in four alphabets, with names,
 * numbers, links and the header fields of real mail. Made from a seed, so that every run has the same.
 */

const vocabularySize = 50_000
const nameCount = 3_000
const wordsPerMessage = { least: 60, most: 280 }

/** Words that stand in a known part of the messages. */
export const planted = [
  { word: 'quixotry', everyNth: 10_000 },
  { word: 'zymurgist', everyNth: 1_000 },
  { word: 'flugelhorn', everyNth: 100 },
  { word: 'velvet jackdaw', everyNth: 500 },
  { word: '龍門石窟', everyNth: 700 },
  { word: 'ключевский', everyNth: 900 },
] as const

export type SearchMail = {
  message(number: number): Buffer
  /** Words by how often they are used: the first is the most frequent. */
  vocabulary: readonly string[]
  names: readonly string[]
}

export function makeSearchMail(seed = 1): SearchMail {
  const random = seeded(seed)
  const vocabulary = makeWords(random, vocabularySize, latin)
  const foreign = [
    makeWords(random, vocabularySize / 5, cyrillic),
    makeWords(random, vocabularySize / 5, greek),
    makeWords(random, vocabularySize / 5, cjk),
  ]
  const names = Array.from(
    { length: nameCount },
    () => `${capital(oneWord(random, latin))} ${capital(oneWord(random, latin))}`,
  )
  return {
    vocabulary,
    names,
    message(number) {
      const random = seeded(number * 7919 + seed)
      const language =
        random() < 0.8 ? vocabulary : (foreign[Math.floor(random() * foreign.length)] ?? vocabulary)
      return writeMessage(number, random, language, names)
    },
  }
}

function writeMessage(
  number: number,
  random: () => number,
  language: readonly string[],
  names: readonly string[],
): Buffer {
  const say = (count: number): string => Array.from({ length: count }, () => zipf(random, language)).join(' ')
  const name = names[Math.floor(random() ** 2 * names.length)] ?? ''
  const address = `${name.toLowerCase().replace(' ', '.')}@${(names[number % 400] ?? '').split(' ')[1]?.toLowerCase()}.test`
  const extra = planted
    .filter(({ everyNth }) => Math.floor(random() * everyNth) === 0)
    .map(({ word }) => word)
  const subject = [say(3 + Math.floor(random() * 5)), ...extra].join(' ')
  const count = wordsPerMessage.least + Math.floor(random() * (wordsPerMessage.most - wordsPerMessage.least))
  const text = Array.from({ length: Math.ceil(count / 12) }, () => say(12))
  text.splice(
    Math.floor(text.length / 2),
    0,
    ...extra,
    `https://track.test/c/${token(random, 24)} order ${100_000 + number}`,
  )
  const date = new Date(Date.UTC(2015, 0, 1) + number * 300_000)
  const fields = [
    `Received: from mx${number % 7}.relay.test (mx${number % 7}.relay.test [192.0.2.${number % 250}])`,
    `\tby in.bench.test with ESMTPS id ${token(random, 14)}; ${date.toUTCString()}`,
    `DKIM-Signature: v=1; a=rsa-sha256; d=relay.test; s=s1; bh=${token(random, 43)}=;`,
    ...Array.from({ length: 5 }, () => `\t${token(random, 68)}`),
    `Message-ID: <${token(random, 20)}.${number}@relay.test>`,
    `Date: ${date.toUTCString().replace('GMT', '+0000')}`,
    `From: ${encodeWord(name)} <${address}>`,
    'To: The Owner <reader1@bench.test>',
    `Subject: ${encodeWord(subject)}`,
    'MIME-Version: 1.0',
    'Content-Type: text/plain; charset=utf-8',
    'Content-Transfer-Encoding: 8bit',
  ]
  return Buffer.from(`${fields.join('\r\n')}\r\n\r\n${text.join('\r\n')}\r\n`)
}

function encodeWord(text: string): string {
  return /^[\x20-\x7e]*$/.test(text) ? text : `=?utf-8?B?${Buffer.from(text).toString('base64')}?=`
}

/** The rank of a word falls as the logarithm: half of a text are the hundred most frequent words or so. */
function zipf(random: () => number, words: readonly string[]): string {
  return words[Math.floor(words.length ** random()) - 1] ?? ''
}

type Alphabet = {
  starts: readonly string[]
  middles: readonly string[]
  syllables: [least: number, most: number]
}

const latin: Alphabet = {
  starts: 'b c d f g h k l m n p r s t v w st tr pl ch sh br qu gr th sp'.split(' '),
  middles: 'a e i o u ai ea ou an en in on er ar al el ing ent ion ate ess'.split(' '),
  syllables: [1, 4],
}
const cyrillic: Alphabet = {
  starts: 'б в г д ж з к л м н п р с т ф х ц ч ш ст пр'.split(' '),
  middles: 'а е и о у ы я ов ен ить ать ого ая'.split(' '),
  syllables: [1, 4],
}
const greek: Alphabet = {
  starts: 'β γ δ ζ θ κ λ μ ν π ρ σ τ φ χ ψ'.split(' '),
  middles: 'α ε η ι ο υ ω ου ος ων αι'.split(' '),
  syllables: [1, 4],
}
const cjk: Alphabet = {
  starts: Array.from({ length: 1500 }, (_, n) => String.fromCharCode(0x4e00 + n * 7)),
  middles: ['', '', '', 'の'],
  syllables: [1, 3],
}

function makeWords(random: () => number, count: number, alphabet: Alphabet): string[] {
  const words = new Set<string>()
  while (words.size < count) words.add(oneWord(random, alphabet))
  return [...words]
}

function oneWord(random: () => number, { starts, middles, syllables: [least, most] }: Alphabet): string {
  const pick = (from: readonly string[]): string => from[Math.floor(random() * from.length)] ?? ''
  const count = least + Math.floor(random() * (most - least + 1))
  return Array.from({ length: count }, () => pick(starts) + pick(middles)).join('')
}

function capital(word: string): string {
  return word.charAt(0).toUpperCase() + word.slice(1)
}

const tokenLetters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'

function token(random: () => number, length: number): string {
  let text = ''
  while (text.length < length) text += tokenLetters[Math.floor(random() * tokenLetters.length)]
  return text
}

/** Numbers that look random and are the same each time (mulberry32). */
function seeded(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
}
