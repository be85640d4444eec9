/** The multi-line responses of LIST and UIDL: a line for each message that is not marked as deleted. */
import { encodeReply, ok } from './reply.ts'
import type { TransactionSession } from './session.ts'

/** @param describe null for a message that is left out. */
export async function writeListing(
  { state, transport }: TransactionSession,
  title: string,
  describe: (number: number) => string | number | null,
): Promise<null> {
  const { output } = transport
  await output.write(encodeReply(ok(title)))
  for (let number = 1; number <= state.maildrop.count; number++) {
    const value = describe(number)
    if (value !== null) await output.write(`${number} ${value}\r\n`)
  }
  await output.write('.\r\n')
  return null
}
