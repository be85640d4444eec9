/** DELE, RFC 1939 §5: marks; QUIT deletes. */
import { noSuchMessage, ok, type Reply } from '../reply.ts'
import type { TransactionSession } from '../session.ts'
import type { CommandOf } from '../syntax/command.ts'

export function dele({ state }: TransactionSession, { number }: CommandOf<'DELE'>): Reply {
  return state.maildrop.markDeleted(number) ? ok('Marked as deleted') : noSuchMessage
}
