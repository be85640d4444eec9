/** NOOP and CHECK, RFC 9051 §6.1.2 and RFC 3501 §6.4.1: their answer comes after the folder's news. */
import { ok, type Reply } from '../reply.ts'

export function noop(): Reply {
  return ok('NOOP completed')
}

/** What it asks for, that everything is on the disk, is always so. */
export function check(): Reply {
  return ok('CHECK completed')
}
