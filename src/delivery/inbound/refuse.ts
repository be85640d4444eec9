/** Messages that nobody should have: ones that go round in circles, and headers that are none. */
import type { HeaderField } from '../../messages/mime/header-fields.ts'
import type { Arrival, ArrivalRefusal } from './arrival.ts'
import { headerBytesMax } from './spool.ts'

export const arrivalLimits = {
  /** RFC 5321 §6.3 gives a hundred as a bound; real mail has fewer than twenty. */
  receivedMax: 50,
  /** Times that this host took the message before: forwards among its own mailboxes come to a few. */
  ownReceivedMax: 10,
} as const

export function refusal(
  code: ArrivalRefusal['code'],
  enhanced: string,
  text: string,
): ArrivalRefusal & { kind: 'refused' } {
  return { kind: 'refused', code, enhanced, text }
}

/** @returns why the message is not taken whoever it is for, or null. */
export function refuseMessage(
  { message }: Pick<Arrival, 'message'>,
  fields: readonly HeaderField[],
  hostname: string,
): ArrivalRefusal | null {
  if (message.header.length >= headerBytesMax && message.sizeBytes > message.header.length) {
    return refusal(552, '5.3.4', `The header is larger than ${headerBytesMax} bytes`)
  }
  const received = fields.filter(({ name }) => name.toLowerCase() === 'received')
  const own = received.filter(({ value }) => isOwn(value, hostname))
  return received.length > arrivalLimits.receivedMax || own.length > arrivalLimits.ownReceivedMax
    ? refusal(554, '5.4.6', 'The message goes round in circles') // RFC 3463 §3.5
    : null
}

/** As trace.ts writes it. */
function isOwn(value: string, hostname: string): boolean {
  return value.includes(` by ${hostname} (Mailwright) `) || value.includes(`\tby ${hostname} (Mailwright) `)
}
