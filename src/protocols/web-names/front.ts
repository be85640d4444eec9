/** The web names of domains where the API listens too: over TLS, or behind what speaks TLS for it. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { TLSSocket } from 'node:tls'
import type { Platform } from '../../platform/platform.ts'
import { answerWebName } from './answer.ts'
import { badRequest, readRequest, respond } from './exchange.ts'

/** Answers a request that is for a domain's web name. @returns whether it was; never rejects. */
export async function answerFront(
  platform: Platform,
  message: IncomingMessage,
  response: ServerResponse,
): Promise<boolean> {
  const request = readRequest(message, message.socket instanceof TLSSocket ? 'tls' : 'proxied')
  return await respond(platform, response, async () =>
    request === null ? badRequest : await answerWebName(platform, request),
  )
}
