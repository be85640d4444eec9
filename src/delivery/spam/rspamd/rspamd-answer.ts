/** What rspamd answers to /checkv2, narrowed: it is another program's word. */

const actions = [
  'no action',
  'greylist',
  'add header',
  'rewrite subject',
  'quarantine',
  'soft reject',
  'reject',
  'discard',
] as const

export type RspamdAction = (typeof actions)[number]

export type RspamdAnswer = {
  action: RspamdAction
  score: number
  /** The score from which rspamd rejects. */
  rejectScore: number
  /** The score from which it adds a header; null from versions that do not say. */
  addHeaderScore: number | null
  /** Names of what it found, the weightiest first. */
  symbols: readonly string[]
}

const symbolsMax = 100
const symbolNamePattern = /^[\w.:+-]{1,100}$/

/** @returns null for what is no such answer. */
export function parseRspamdAnswer(text: string): RspamdAnswer | null {
  const value = parsedJson(text)
  if (!isRecord(value)) return null
  const action = actions.find((one) => one === value['action'])
  const score = finite(value['score'])
  const rejectScore = finite(value['required_score'])
  if (action === undefined || score === null || rejectScore === null) return null
  const thresholds = isRecord(value['thresholds']) ? value['thresholds'] : {}
  return {
    action,
    score,
    rejectScore,
    addHeaderScore: finite(thresholds['add header']),
    symbols: symbolsOf(value['symbols']),
  }
}

function symbolsOf(value: unknown): string[] {
  if (!isRecord(value)) return []
  const named = Object.entries(value).flatMap(([name, symbol]) => {
    const score = isRecord(symbol) ? finite(symbol['score']) : null
    return score === null || !symbolNamePattern.test(name) ? [] : [{ name, weight: Math.abs(score) }]
  })
  return named
    .sort((left, right) => right.weight - left.weight)
    .slice(0, symbolsMax)
    .map(({ name }) => name)
}

function parsedJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function finite(value: unknown): number | null {
  return typeof value === 'number' && Number.isFinite(value) ? value : null
}
