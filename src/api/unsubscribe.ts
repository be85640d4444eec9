/**
 * /unsubscribe/{token}: where List-Unsubscribe leads (RFC 2369, RFC 8058). Whoever has the link may use it: no key is asked
 * for. GET only shows a page with a button, because programs follow the links of a message before people do.
 */
import type { FastifyInstance, FastifyReply } from 'fastify'
import { Type } from 'typebox'
import { openUnsubscribeToken, type Unsubscription, unsubscribe } from '../delivery/bounces/unsubscribe.ts'
import { Refusal } from '../platform/errors.ts'
import type { Platform } from '../platform/platform.ts'
import { createRateLimiter } from '../platform/rate-limit.ts'
import { apiLimits } from './limits.ts'
import type { Api } from './schemas.ts'

const TokenPath = Type.Object({ token: Type.String() })

/** RFC 8058 §3.2: either form. */
const formTypes = ['application/x-www-form-urlencoded', 'multipart/form-data']
const formBytesMax = 16 * 1024

export async function unsubscribeRoutes(app: Api, platform: Platform): Promise<void> {
  await app.register(async (scope: FastifyInstance) => {
    scope.addContentTypeParser(
      formTypes,
      { parseAs: 'buffer', bodyLimit: formBytesMax },
      (_request, body, done) => done(null, body.toString('latin1')),
    )
    routes(scope.withTypeProvider(), platform)
  })
}

function routes(app: Api, platform: Platform): void {
  // Of an address that guesses; who has a good link is not held back, and providers have few addresses.
  const failures = createRateLimiter({
    perMinute: apiLimits.unknownTokensPerMinute,
    entriesMax: apiLimits.rateEntriesMax,
  })
  const open = (token: string, ip: string): Unsubscription | null => {
    const rate = failures.take(ip)
    if (!rate.ok)
      throw new Refusal('rate_limited', 'Too many links that are not good came from this address.')
    const unsubscription = openUnsubscribeToken(platform, token)
    if (unsubscription !== null) failures.giveBack(ip)
    return unsubscription
  }
  app.get('/unsubscribe/:token', { schema: { hide: true, params: TokenPath } }, async (request, reply) => {
    const unsubscription = open(request.params.token, request.ip)
    return unsubscription === null
      ? page(reply, 404, notFoundText)
      : page(reply, 200, questionText, `<form method="post">${button}</form>`)
  })
  app.post('/unsubscribe/:token', { schema: { hide: true, params: TokenPath } }, async (request, reply) => {
    const unsubscription = open(request.params.token, request.ip)
    if (unsubscription === null) return page(reply, 404, notFoundText)
    if (!isOneClick(request.body)) return page(reply, 400, 'The request does not say what is wanted.')
    await unsubscribe(platform, unsubscription)
    return page(reply, 200, 'You are unsubscribed. You will get no more of these messages.')
  })
}

// RFC 8058 §3.1: this and nothing else.
const button =
  '<input type="hidden" name="List-Unsubscribe" value="One-Click"><button type="submit">Unsubscribe</button>'
const questionText = 'Do you want no more of these messages?'
const notFoundText = 'This link is not good. It may have been cut: copy all of it from the message.'

function isOneClick(body: unknown): boolean {
  if (typeof body !== 'string') return false
  if (new URLSearchParams(body).get('List-Unsubscribe') === 'One-Click') return true
  return /name="?List-Unsubscribe"?[^\r\n]*\r?\n(?:[^\r\n]+\r?\n)*\r?\nOne-Click\r?\n/i.test(body)
}

function page(reply: FastifyReply, status: number, text: string, more = ''): FastifyReply {
  return reply
    .code(status)
    .headers({
      'content-type': 'text/html; charset=utf-8',
      'cache-control': 'no-store',
      'referrer-policy': 'no-referrer', // the token is part of the address
      'content-security-policy': "default-src 'none'; form-action 'self'; frame-ancestors 'none'",
      'x-robots-tag': 'noindex',
    })
    .send(
      `<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">` +
        `<title>Unsubscribe</title><p>${text}</p>${more}</html>\n`,
    )
}
