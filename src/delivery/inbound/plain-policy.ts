/** DMARC records (RFC 9989 §4.7) as most domains write them. null says that somebody else must read this one. */
export type PlainPolicy = {
  policy: 'none' | 'quarantine' | 'reject'
  /** The policies in the words of the result's comment. */
  shown: string
}

// `t` and `psd` change what a record means.
const knownTags = new Set(['v', 'p', 'sp', 'np', 'adkim', 'aspf', 'rua', 'ruf', 'fo', 'ri', 'pct', 'rf'])
const policies = new Set(['none', 'quarantine', 'reject'])

export function parsePlainPolicy(record: string): PlainPolicy | null {
  if (!/^[\x20-\x7e]{1,1000}$/.test(record) || !/^v=DMARC1 ?;/.test(record)) return null
  const tags = new Map<string, string>()
  for (const part of record.split(';')) {
    if (part.trim() === '') continue
    const match = /^ *([a-z]+) *= *(.*?) *$/.exec(part)
    const [, name = '', value = ''] = match ?? []
    if (!knownTags.has(name) || tags.has(name)) return null
    tags.set(name, value)
  }
  const [p, sp, np] = [tags.get('p'), tags.get('sp'), tags.get('np')]
  const policy = policyNamed(p)
  if (policy === null || [sp, np].some((one) => one !== undefined && !policies.has(one))) return null
  // Under the strict modes the same name is aligned as well: nothing else passes here.
  const shown = `p=${policy.toUpperCase()}${sp === undefined ? '' : ` sp=${sp.toUpperCase()}`}`
  return { policy, shown }
}

function policyNamed(word: string | undefined): PlainPolicy['policy'] | null {
  return word === 'none' || word === 'quarantine' || word === 'reject' ? word : null
}
