/** NOOP, RFC 1939 §5. */
import { ok, type Reply } from '../reply.ts'

export function noop(): Reply {
  return ok('Still here')
}
