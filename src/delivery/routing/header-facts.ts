/** What routing reads in a message's header: parsed once, whoever asks. */
import { type EnvelopeAddress, parseAddressList } from '../../messages/mime/addresses.ts'
import { decodeHeaderText } from '../../messages/mime/encoded-words.ts'
import { parseHeaderFields } from '../../messages/mime/header-fields.ts'
import { parseMessageId } from '../../messages/mime/message-ids.ts'
import type { SpooledMessage } from '../inbound/arrival.ts'

export type HeaderFacts = {
  /** Names in lower case, each with its values, unfolded and decoded (RFC 2047). */
  values: ReadonlyMap<string, readonly string[]>
  addresses(name: string): readonly EnvelopeAddress[]
  /** Without angle brackets. */
  messageId: string | null
}

const known = new WeakMap<SpooledMessage, HeaderFacts>()

export function headerFactsOf(message: SpooledMessage): HeaderFacts {
  const kept = known.get(message)
  if (kept) return kept
  const facts = readHeader(message.header)
  known.set(message, facts)
  return facts
}

function readHeader(header: Buffer): HeaderFacts {
  const raw = new Map<string, string[]>()
  for (const { name, value } of parseHeaderFields(header)) {
    if (name === '') continue
    const key = name.toLowerCase()
    const values = raw.get(key)
    if (values) values.push(value)
    else raw.set(key, [value])
  }
  const parsed = new Map<string, EnvelopeAddress[]>()
  return {
    values: new Map([...raw].map(([name, values]) => [name, values.map(decodeHeaderText)])),
    addresses(name) {
      const addresses = parsed.get(name) ?? (raw.get(name) ?? []).flatMap(parseAddressList)
      parsed.set(name, addresses)
      return addresses
    },
    messageId: parseMessageId(raw.get('message-id')?.[0] ?? '')?.replace(/^<(.*)>$/, '$1') ?? null,
  }
}
