/** Signed conversations with a name server (RFC 8945): one request and its answer, or a whole zone (RFC 5936). */
import { randomInt } from 'node:crypto'
import { type DnsServer, ExchangeFailure, exchangeTcp } from '../../platform/dns-wire/client.ts'
import {
  dnsClasses,
  dnsTypes,
  encodeMessage,
  type NewMessage,
  parseMessage,
  rcodes,
  type WireMessage,
  type WireRecord,
} from '../../platform/dns-wire/message.ts'
import {
  createAnswerVerifier,
  detachTsig,
  signMessage,
  type TsigKey,
  tsigErrors,
} from '../../platform/dns-wire/tsig.ts'
import { DnsHostError } from './driver.ts'
import { dnsHostPolicy } from './policy.ts'

export type SignedReply = { bytes: Buffer; message: WireMessage }

/** A record of a transfer, with the message that its names may point into. */
export type TransferredRecord = { bytes: Buffer; record: WireRecord }

export type SignedClient = {
  /** @returns the answer, whatever its code; one that is not signed is an error without records. @throws DnsHostError when there is none that can be believed. */
  ask(message: Omit<NewMessage, 'id'>): Promise<SignedReply>
  /** All records of a zone, the SOA at its end left out. @throws DnsHostError */
  transfer(zone: string): Promise<TransferredRecord[]>
}

export function createSignedClient(
  server: DnsServer,
  key: TsigKey,
  nowSeconds: () => number,
  { requestMsMax, replyBytesMax }: Record<'requestMsMax' | 'replyBytesMax', number> = dnsHostPolicy,
): SignedClient {
  const bounds = { msMax: requestMsMax, totalMsMax: requestMsMax, bytesMax: replyBytesMax }
  const converse = async (
    message: Omit<NewMessage, 'id'>,
    take: (reply: SignedReply) => 'more' | 'done',
  ): Promise<void> => {
    const id = randomInt(1, 65_536)
    const signed = signMessage(encodeMessage({ id, ...message }), key, { nowSeconds: nowSeconds() })
    const verifier = createAnswerVerifier(key, signed.mac)
    const takeReply = (bytes: Buffer): 'more' | 'done' => {
      const reply = parseMessage(bytes)
      if (reply === null || !reply.isResponse || reply.id !== id) {
        throw new DnsHostError('unreachable', 'The name server answered with what is no answer.')
      }
      if (!verifier.accept(bytes, nowSeconds())) return take(unsignedRefusal(bytes, reply))
      const state = take({ bytes: Buffer.from(bytes), message: reply })
      if (state === 'done' && !verifier.isComplete()) {
        throw new DnsHostError('unreachable', 'The end of the answer is not signed.')
      }
      return state
    }
    await exchangeTcp(server, signed.message, takeReply, bounds).catch((error: unknown) => {
      if (error instanceof ExchangeFailure)
        throw new DnsHostError('unreachable', error.message, { cause: error })
      throw error
    })
  }
  return {
    async ask(message) {
      const replies: SignedReply[] = []
      await converse(message, (reply) => {
        replies.push(reply)
        return 'done'
      })
      const [reply] = replies
      if (reply === undefined) throw new DnsHostError('unreachable', 'The name server did not answer.')
      return reply
    },
    async transfer(zone) {
      const records: TransferredRecord[] = []
      const questions = [{ name: zone, type: dnsTypes.AXFR, class: dnsClasses.IN }]
      await converse({ flags: 0, questions }, ({ bytes, message }) => {
        if (message.rcode !== rcodes.NOERROR) throw refusedBy(message.rcode, `the transfer of ${zone}`)
        for (const record of message.answers) {
          // RFC 5936 §2.2: the SOA is first and last.
          if (record.type === dnsTypes.SOA && records.length > 0) return 'done'
          if (record.type !== dnsTypes.SOA && records.length === 0) {
            throw new DnsHostError('unreachable', 'The transfer does not begin with a SOA record.')
          }
          records.push({ bytes, record })
          if (records.length > dnsHostPolicy.recordsPerZoneMax) {
            throw new DnsHostError(
              'rejected',
              `The zone has more than ${dnsHostPolicy.recordsPerZoneMax} records.`,
            )
          }
        }
        return 'more'
      })
      return records
    },
  }
}

const signatureWords: Readonly<Record<number, string>> = {
  [tsigErrors.BADKEY]: 'The name server does not know the key (BADKEY).',
  [tsigErrors.BADSIG]: 'The secret is not the one that the name server has (BADSIG).',
  [tsigErrors.BADTIME]: 'The clock of the name server differs from ours by more than five minutes (BADTIME).',
}

/**
 * An answer whose own signature does not hold: most often because ours did not. Knot signs nothing about zones that it does
 * not have; whoever is in the way can forge a refusal, which is no worse than silence.
 */
function unsignedRefusal(bytes: Buffer, message: WireMessage): SignedReply {
  const signed = detachTsig(bytes, message)
  const error = signed === null || signed === 'malformed' ? 0 : signed.fields.error
  const words = signatureWords[error]
  if (words !== undefined) throw new DnsHostError('credentials', words)
  if (message.rcode === rcodes.NOERROR)
    throw new DnsHostError('unreachable', 'The answer is not signed with the key.')
  return { bytes, message: { ...message, answers: [], authority: [], additional: [] } }
}

const names: Readonly<Record<number, string>> = {
  1: 'FORMERR',
  2: 'SERVFAIL',
  3: 'NXDOMAIN',
  4: 'NOTIMP',
  5: 'REFUSED',
  6: 'YXDOMAIN',
  7: 'YXRRSET',
  8: 'NXRRSET',
  9: 'NOTAUTH',
  10: 'NOTZONE',
}

/** @param what the name server would not do. */
export function refusedBy(rcode: number, what: string): DnsHostError {
  const words = `The name server answered ${names[rcode] ?? rcode} to ${what}`
  if (rcode === 2) return new DnsHostError('unreachable', words)
  if (rcode === 9 || rcode === 10 || rcode === 3) return new DnsHostError('zone_missing', words)
  return new DnsHostError(rcode >= 6 && rcode <= 8 ? 'conflict' : 'rejected', words)
}
