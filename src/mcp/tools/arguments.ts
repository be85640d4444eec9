/** Arguments that many tools take. */
import * as z from 'zod'
import { decodeCursor, type PageRequest } from '../../platform/pages.ts'
import { mcpLimits } from '../limits.ts'

const addressCharsMax = 1000

export const mailbox = z
  .string()
  .min(1)
  .max(addressCharsMax)
  .optional()
  .describe('The mailbox: its address or its id. Can be left out by a key that is bound to one mailbox.')

export const messageId = z.uuid().describe('The id of a message, as lists, searches and waits give it.')

export const limit = z
  .int()
  .min(1)
  .max(mcpLimits.listMax)
  .default(mcpLimits.listDefault)
  .describe('How many to give at most.')

export const cursor = z
  .string()
  .max(2000)
  .optional()
  .describe('next_cursor of the result before, for what follows it.')

/** @throws Refusal invalid_cursor. */
export function pageOf(args: { limit: number; cursor?: string | undefined }): PageRequest {
  return { limit: args.limit, after: args.cursor === undefined ? null : decodeCursor(args.cursor) }
}
