/**
 * What cannot be had here: placement tests, landing pages and warm-up are services of their vendor. There is none of them,
 * which reads say with empty lists and zeros; what would buy or start one is refused in words.
 */
import { type TSchema, Type } from 'typebox'
import { Refusal } from '../../platform/errors.ts'
import type { Api } from '../../platform/http/app.ts'
import { Nullable } from '../../platform/http/schema-kinds.ts'
import { DataOf, DoneView, dataOf, done, errors } from './schemas.ts'

const None = Type.Array(Type.Unknown(), { maxItems: 0 })

export function notOfferedRoutes(app: Api): void {
  placementTestRoutes(app)
  warmUpRoutes(app)
  siteRoutes(app)
}

type Method = 'GET' | 'POST' | 'PATCH'

function placementTestRoutes(app: Api): void {
  const tag = 'placement test'
  const at = (path: string) => `/v2/placement-tests/${path}`
  readRoute(app, 'GET', at('subscriptions'), { tag, summary: 'List subscriptions', view: None, data: [] })
  readRoute(app, 'GET', at('overall-report'), {
    tag,
    summary: 'Report on all tests',
    view: Type.Object({ ...zeros(Object.keys(noTests)), ...noRates, byProvider: None }),
    data: { ...noTests, inboxRate: '0.00%', spamRate: '0.00%', byProvider: [] },
  })
  readRoute(app, 'GET', at('orders'), {
    tag,
    summary: 'List tests',
    view: Type.Object({ testGroups: None }),
    data: { testGroups: [] },
  })
  readRoute(app, 'POST', at('eligible-mailboxes'), {
    tag,
    summary: 'List mailboxes that can be tested',
    view: Type.Object({ domains: None }),
    data: { domains: [] },
  })
  readRoute(app, 'GET', at('available-slots'), {
    tag,
    summary: 'Get the credits',
    view: Type.Object({
      ...zeros(Object.keys(noCredits)),
      subscriptions: None,
      nextResetDate: Nullable(Type.String(), 'Always null.'),
    }),
    data: { ...noCredits, subscriptions: [], nextResetDate: null },
  })
  const sentence = 'Placement tests are not offered by this server.'
  const absent = 'There is none: placement tests are not offered by this server.'
  refusingRoute(app, 'GET', at('report'), { tag, summary: 'Get the report of a test', sentence: absent })
  refusingRoute(app, 'POST', at('purchase'), { tag, summary: 'Run a test', sentence })
  refusingRoute(app, 'POST', at('purchase-plan'), { tag, summary: 'Buy a plan', sentence })
  refusingRoute(app, 'POST', at('cancel-subscription'), {
    tag,
    summary: 'Cancel a subscription',
    sentence: absent,
  })
}

const noTests = {
  totalTestRuns: 0,
  totalEmails: 0,
  successfulTestsCount: 0,
  inProgressTestsCount: 0,
  failedTestsCount: 0,
  successfulEmailsCount: 0,
  inboxCount: 0,
  spamCount: 0,
}

const noRates = { inboxRate: Type.Literal('0.00%'), spamRate: Type.Literal('0.00%') }

const noCredits = { totalAvailableCredits: 0, usedCredits: 0, monthlyCredits: 0, ltdCredits: 0 }

function zeros(names: readonly string[]) {
  return Object.fromEntries(names.map((name) => [name, Type.Literal(0)]))
}

function warmUpRoutes(app: Api): void {
  const tag = 'zapwarm'
  const view = Type.Object({ mailboxes: None })
  const data = { mailboxes: [] }
  const at = (path: string) => `/v2/zapwarm/${path}`
  readRoute(app, 'GET', at('eligible-mailboxes'), {
    tag,
    summary: 'List mailboxes that can be warmed up',
    view,
    data,
  })
  readRoute(app, 'GET', at('score'), { tag, summary: 'Get the scores', view, data })
  refusingRoute(app, 'POST', at('start'), {
    tag,
    summary: 'Start warm-up',
    sentence: 'Warm-up is not offered by this server: a sequencer does it for the mailboxes exported to it.',
  })
  app.post(
    at('stop'),
    {
      schema: {
        summary: 'Stop warm-up',
        description: 'None runs, so that this is done.',
        tags: [tag],
        body: Type.Unknown(),
        response: { 200: DoneView, ...errors() },
      },
    },
    async () => done('No warm-up runs'),
  )
}

function siteRoutes(app: Api): void {
  const tag = 'zapsites'
  const sentence = 'Landing pages are not offered by this server.'
  const absent = 'There is none: landing pages are not offered by this server.'
  const one = '/v2/zap-sites/:id'
  refusingRoute(app, 'GET', '/v2/zap-sites/scan', { tag, summary: 'Read a website', sentence })
  refusingRoute(app, 'POST', '/v2/zap-sites', { tag, summary: 'Create a landing page', sentence })
  refusingRoute(app, 'GET', one, { tag, summary: 'Get a landing page', sentence: absent })
  refusingRoute(app, 'PATCH', one, { tag, summary: 'Change a landing page', sentence: absent })
  refusingRoute(app, 'POST', `${one}/regenerate`, { tag, summary: 'Write it anew', sentence: absent })
  for (const method of ['GET', 'POST'] as const)
    refusingRoute(app, method, `${one}/deploy`, { tag, summary: 'Publish it', sentence: absent })
}

type Read = { tag: string; summary: string; view: TSchema; data: unknown }

/** Whatever is asked for, there is none of it. */
function readRoute(app: Api, method: Method, url: string, { tag, summary, view, data }: Read): void {
  app.route({
    method,
    url,
    schema: {
      summary,
      description: 'There are none.',
      tags: [tag],
      response: { 200: DataOf(view), ...errors() },
    },
    handler: async () => dataOf('There are none', data),
  })
}

type Refused = { tag: string; summary: string; sentence: string }

function refusingRoute(app: Api, method: Method, url: string, { tag, summary, sentence }: Refused): void {
  app.route({
    method,
    url,
    schema: { summary, description: sentence, tags: [tag], response: errors() },
    handler: async () => {
      throw new Refusal('invalid_request', sentence)
    },
  })
}
