/** What a name has, in the form of zones/records.ts, from a message of a name server or from the resolver. */
import type * as dnsPacket from 'dns-packet'
import { type Dns, DnsFailure } from '../../platform/dns.ts'
import type { QuestionType } from '../../platform/dns-authority/inquiry.ts'

export type Answer =
  | { kind: 'records'; values: readonly string[]; cname: string | null; by: string | null }
  | { kind: 'unanswered' }

/** The values of the type that was asked for, and where the name points to if it is an alias. */
export function answerOf(
  answers: readonly dnsPacket.Answer[],
  name: string,
  type: QuestionType,
  by: string | null,
): Answer {
  const alias = answers.find((one) => one.type === 'CNAME' && one.name.toLowerCase() === name)
  return {
    kind: 'records',
    values: answers.flatMap((one) => (one.type === type ? textOf(one).map(storable) : [])),
    cname: alias?.type === 'CNAME' ? plainName(alias.data) : null,
    by,
  }
}

function textOf(record: dnsPacket.Answer): string[] {
  switch (record.type) {
    case 'MX':
      return [`${record.data.preference ?? 0} ${plainName(record.data.exchange)}`]
    case 'TXT': {
      // A record's character-strings belong together without anything between them (RFC 7208 §3.3).
      const strings = Array.isArray(record.data) ? record.data : [record.data]
      return [strings.map(String).join('')]
    }
    case 'SRV': {
      const { priority = 0, weight = 0, port, target } = record.data
      return [`${priority} ${weight} ${port} ${plainName(target)}`]
    }
    case 'CAA':
      return [`${record.data.flags ?? 0} ${record.data.tag.toLowerCase()} "${record.data.value}"`]
    case 'A':
    case 'AAAA':
    case 'CNAME':
    case 'NS':
      return [plainName(record.data)]
    default:
      return []
  }
}

/** Strangers write these texts, and a database keeps them: NUL and halves of surrogate pairs are none of its characters. */
function storable(text: string): string {
  return text.toWellFormed().replaceAll('\0', '\ufffd')
}

function plainName(text: string): string {
  const name = storable(text)
  return name === '.' || name === '' ? '.' : name.toLowerCase().replace(/\.$/, '')
}

/** The same from the resolver, which follows aliases by itself. */
export async function askResolver(dns: Dns, name: string, type: QuestionType): Promise<Answer> {
  try {
    const cname = type === 'TXT' || type === 'A' ? await dns.lookup(name, 'CNAME', { fresh: true }) : []
    return {
      kind: 'records',
      values: (await resolvedValues(dns, name, type)).map(storable),
      cname: cname[0] === undefined ? null : plainName(cname[0]),
      by: null,
    }
  } catch (error) {
    if (error instanceof DnsFailure) return { kind: 'unanswered' }
    throw error
  }
}

async function resolvedValues(dns: Dns, name: string, type: QuestionType): Promise<string[]> {
  const fresh = { fresh: true }
  switch (type) {
    case 'TXT':
      return (await dns.lookup(name, type, fresh)).map((strings) => strings.join(''))
    case 'MX':
      return (await dns.lookup(name, type, fresh)).map(
        ({ priority, exchange }) => `${priority} ${plainName(exchange)}`,
      )
    case 'SRV':
      return (await dns.lookup(name, type, fresh)).map(
        (one) => `${one.priority} ${one.weight} ${one.port} ${plainName(one.name)}`,
      )
    case 'CAA':
      return (await dns.lookup(name, type, fresh)).flatMap(({ critical, ...properties }) =>
        Object.entries(properties).map(([tag, value]) => `${critical} ${tag} "${value}"`),
      )
    case 'A':
    case 'AAAA':
    case 'CNAME':
    case 'NS':
      return (await dns.lookup(name, type, fresh)).map(plainName)
  }
}
