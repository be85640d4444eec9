/** NOTIFY (RFC 1996): the message that tells a secondary of a change, and the reply that says it was heard. */
import { randomInt } from 'node:crypto'
import type { Secondary } from '../../../domains/secondaries/secondaries.ts'
import { exchangeUdp } from '../../../platform/dns-wire/client.ts'
import {
  dnsClasses,
  dnsTypes,
  encodeMessage,
  flagBits,
  opcodes,
  parseMessage,
  rcodes,
} from '../../../platform/dns-wire/message.ts'
import { createAnswerVerifier, signMessage } from '../../../platform/dns-wire/tsig.ts'
import { encodeSet, type TransferZone } from './axfr.ts'
import { notifyLimits } from './limits.ts'

/**
 * Tells a secondary which serial a zone has, and waits for its answer.
 * @returns the code of the answer; 0 is what one hopes for.
 * @throws ExchangeFailure when there is none.
 */
export async function sendNotify(
  { address, port, key }: Secondary,
  zone: Pick<TransferZone, 'name' | 'soa'>,
  nowSeconds: () => number,
): Promise<number> {
  const id = randomInt(1, 65_536)
  const message = encodeMessage({
    id,
    flags: (opcodes.NOTIFY << 11) | flagBits.authoritative,
    questions: [{ name: zone.name, type: dnsTypes.SOA, class: dnsClasses.IN }],
    answers: encodeSet(zone.soa, zone.name), // a hint (§3.7)
  })
  const signed = key === null ? null : signMessage(message, key, { nowSeconds: nowSeconds() })
  const accept = (bytes: Buffer): number | null => {
    const reply = parseMessage(bytes)
    const isReply = reply?.isResponse === true && reply.id === id && reply.opcode === opcodes.NOTIFY
    if (!isReply) return null
    if (key === null || signed === null) return reply.rcode
    // Only what is signed counts; an unsigned refusal is one of the key, and nothing that changes anything here.
    const isBelieved = createAnswerVerifier(key, signed.mac).accept(bytes, nowSeconds())
    return isBelieved || reply.rcode !== rcodes.NOERROR ? reply.rcode : null
  }
  return await exchangeUdp({ address, port }, signed?.message ?? message, accept, notifyLimits.answerMsMax)
}
