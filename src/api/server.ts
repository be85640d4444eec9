/**
 * The HTTP listener: the native API, health and the reference page, and whatever other faces are registered on it.
 * It answers only once everything is in place, and its stop lets running requests finish.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import fastify, {
  type FastifyError,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
} from 'fastify'
import type { Authenticator } from '../accounts/principals.ts'
import { type Callers, createCallers } from '../mailboxes/callers.ts'
import { endWaiting } from '../messages/waiting/waiters.ts'
import { Refusal } from '../platform/errors.ts'
import { coerceQueries } from '../platform/http/coerce-query.ts'
import { compileWhenCalled } from '../platform/http/lazy-schemas.ts'
import { newId } from '../platform/ids.ts'
import type { Platform } from '../platform/platform.ts'
import { acmeChallengeRoutes } from './acme-challenges.ts'
import { aliasRoutes } from './aliases.ts'
import { apiKeyRoutes } from './api-keys.ts'
import { appPasswordRoutes } from './app-passwords.ts'
import { approvalRoutes } from './approvals.ts'
import { auditLogRoutes } from './audit-log.ts'
import { autoTopUpRoutes } from './auto-top-up.ts'
import { batchRoutes } from './batches.ts'
import { billingReportRoutes } from './billing-reports.ts'
import { billingRoutes } from './billing-routes.ts'
import { requireCaller } from './caller.ts'
import { credentialRoutes } from './credentials.ts'
import { deletedMessageRoutes } from './deleted-messages.ts'
import { deliveryPolicyRoutes } from './delivery-policies.ts'
import { destinationRoutes } from './destinations.ts'
import { dnsSecondaryRoutes } from './dns-secondaries.ts'
import { draftAttachmentRoutes } from './draft-attachments.ts'
import { draftRoutes } from './drafts.ts'
import { elsewhereRoutes } from './elsewhere-routes.ts'
import { errorPageRoutes } from './error-pages.ts'
import { eventStreamRoute } from './event-stream.ts'
import { type EventStreamLimits, type EventStreams, startEventStreams } from './event-streams.ts'
import { eventWebSocketRoute } from './event-websocket.ts'
import { eventRoutes } from './events.ts'
import { everyDomainRoute } from './every-domain-route.ts'
import { filterRoutes } from './filters.ts'
import { folderRoutes } from './folders.ts'
import { healthRoutes, type IsReady } from './health.ts'
import { identityRoutes } from './identities.ts'
import { identityMailboxRoutes } from './identity-mailbox.ts'
import { importRoutes } from './imports.ts'
import { acceptInvitationRoute } from './invitation-acceptance.ts'
import { invitationRoutes } from './invitations.ts'
import { invoiceRoutes } from './invoices.ts'
import { acceptJsonBodies } from './json-body.ts'
import { apiLimits } from './limits.ts'
import { loginLockRoutes } from './login-lock.ts'
import { mailPolicyRoutes } from './mail-policies.ts'
import { mailboxActionRoutes } from './mailbox-actions.ts'
import { mailboxCsvRoutes } from './mailbox-csv.ts'
import { mailboxLimitRoutes } from './mailbox-limits.ts'
import { mailboxPeriodRoutes } from './mailbox-periods.ts'
import { mailboxRemoteRoutes } from './mailbox-remote.ts'
import { mailboxRenameRoute } from './mailbox-rename.ts'
import { mailboxRequestRoutes } from './mailbox-requests.ts'
import { mailboxRuleRoutes } from './mailbox-rules.ts'
import { mailboxSettingsRoutes } from './mailbox-settings.ts'
import { mailboxRoutes } from './mailboxes.ts'
import { meRoutes } from './me.ts'
import { memberRoutes } from './members.ts'
import { messageChangeRoutes } from './message-change.ts'
import { messageCodeRoutes } from './message-codes.ts'
import { messageListRoutes } from './message-list.ts'
import { messageReadRoutes } from './message-read.ts'
import { messageWaitRoute } from './message-wait.ts'
import { watchMethods } from './method-not-allowed.ts'
import { newMailboxesRoute } from './new-mailboxes.ts'
import { observeRequests } from './observe.ts'
import { openTrackingRoute } from './open-tracking.ts'
import { outboundRoutes } from './outbound.ts'
import { paymentMethodRoutes } from './payment-methods.ts'
import { paymentWebhookRoute } from './payment-webhook.ts'
import { pictureRoutes } from './pictures.ts'
import { ProblemView } from './problem-view.ts'
import { answerBrokenHttp, answerError, answerWithProblems } from './problems.ts'
import { collectReference, referenceRoutes } from './reference.ts'
import { referencePageRoutes } from './reference-page.ts'
import { relayRoutes } from './relays.ts'
import { replyRoutes } from './replies.ts'
import { breakWhenLate, limitRequestTime } from './request-time.ts'
import { scheduledRoutes } from './scheduled.ts'
import type { Api } from './schemas.ts'
import { sendMessageRoute } from './send-message.ts'
import { senderListRoutes } from './sender-lists.ts'
import { sendingRoutes } from './sending.ts'
import { loginRoute, logoutRoute } from './sessions.ts'
import { subscriptionRoutes } from './subscriptions.ts'
import { suppressionRoutes } from './suppressions.ts'
import { testClockRoute } from './test-clock.ts'
import { threadRoutes } from './threads.ts'
import { topUpRefundRoutes } from './top-up-refunds.ts'
import { topUpRoutes } from './top-ups.ts'
import { totpRoutes } from './totp.ts'
import { tsigKeyRoutes } from './tsig-keys.ts'
import { unsubscribeRoutes } from './unsubscribe.ts'
import { routedUpgrades, type Upgrades } from './upgrades.ts'
import { webhookDeliveryRoutes } from './webhook-deliveries.ts'
import { webhookReplayRoutes } from './webhook-replays.ts'
import { webhookSecretRoutes } from './webhook-secrets.ts'
import { webhookRoutes } from './webhooks.ts'
import { workspaceRoutes } from './workspaces.ts'

/** Adds a face to the listener; its callers are counted with those of the others. */
export type Face = (app: FastifyInstance, callers: Callers) => Promise<void> | void

export type ApiOptions = {
  authenticator: Authenticator
  host: string
  /** 0: any free one; null: it does not listen itself. */
  port: number | null
  /** Whether everything else of this node has started. */
  isReady: IsReady
  /** Answers a request before the API sees it. @returns whether it did; never rejects. */
  front?: (request: IncomingMessage, response: ServerResponse) => Promise<boolean>
  /** Other faces of the same listener, each in a scope of its own; their callers are counted with the API's. */
  faces?: readonly Face[]
  /** The path that a request is routed by. Default: its own. */
  pathOf?: (request: IncomingMessage) => string
  /** Answers what is refused before any scope sees it, in another face's form. @returns whether it did. */
  answerUnrouted?: (error: FastifyError, request: FastifyRequest, reply: FastifyReply) => boolean
  /** Default: `apiLimits.requestsPerMinute`. */
  requestsPerMinute?: number
  /** Default: `apiLimits.eventStreams`. */
  eventStreams?: EventStreamLimits
}

export type ApiServer = {
  port: number | null
  /** Takes a request that another listener accepted. */
  handle(request: IncomingMessage, response: ServerResponse): void
  /** The same for one that asks for another protocol. */
  upgrades: Upgrades
  /** Ends the streams of events, which would go on for ever, and all waiting for messages. */
  endStreams(): Promise<void>
  /** The native API's routes, as `GET /v1/mailboxes/:mailbox`; those for HEAD and for 405 left out. */
  routes: readonly string[]
  /** Stops accepting, lets running requests finish for at most `apiLimits.drainMs`, and closes. */
  stop(): Promise<void>
}

/** Builds the application and listens. */
export async function startApi(platform: Platform, options: ApiOptions): Promise<ApiServer> {
  const upgrades = routedUpgrades((request, response) => app.routing(request, response))
  const app: FastifyInstance = createApp(platform, upgrades, options)
  const streams = startEventStreams(platform, options.eventStreams)
  const stop = stopper(app, streams)
  const { front, faces = [] } = options
  if (front) {
    app.addHook('onRequest', async (request, reply) => {
      if (await front(request.raw, reply.raw)) void reply.hijack()
    })
  }
  const routes: string[] = []
  const { authenticator, requestsPerMinute = apiLimits.requestsPerMinute } = options
  const callers = createCallers(platform, authenticator, requestsPerMinute)
  await app.register((native: FastifyInstance) =>
    nativeApi(native.withTypeProvider(), platform, { ...options, streams }, callers, routes),
  )
  for (const face of faces) await app.register(async (other: FastifyInstance) => face(other, callers))
  const port = await listen(app, options)
  const handle: ApiServer['handle'] = (request, response) => app.routing(request, response)
  const endStreams = async (): Promise<void> => {
    endWaiting(platform)
    await streams.stop()
  }
  return { port, routes, stop, handle, upgrades, endStreams }
}

async function listen(app: FastifyInstance, { host, port }: ApiOptions): Promise<number | null> {
  if (port === null) {
    await app.ready()
    return null
  }
  try {
    await app.listen({ host, port })
  } catch (error) {
    await app.close()
    throw error
  }
  const address = app.server.address()
  if (address === null || typeof address === 'string') throw new Error('the HTTP listener has no port')
  return address.port
}

function createApp(platform: Platform, upgrades: Upgrades, options: ApiOptions): FastifyInstance {
  const { pathOf, answerUnrouted } = options
  const app = fastify({
    http: { shouldUpgradeCallback: upgrades.accepts },
    logger: false, // one histogram for all requests and a line for each failure; see observe.ts
    trustProxy: platform.config.httpProxies.length > 0 ? [...platform.config.httpProxies] : false,
    genReqId: newId,
    bodyLimit: apiLimits.bodyBytesMax,
    requestTimeout: apiLimits.uploadMsMax, // request-time.ts has the bound of all but uploads
    keepAliveTimeout: apiLimits.keepAliveMs,
    return503OnClosing: false, // stopper() answers with a problem
    routerOptions: { maxParamLength: apiLimits.pathSegmentLengthMax },
    ...(pathOf ? { rewriteUrl: pathOf } : {}),
    clientErrorHandler: (error, socket) => answerBrokenHttp(error, socket),
    frameworkErrors: (error, request, reply) => {
      breakWhenLate(request.raw) // no hook sees these
      if (!answerUnrouted?.(error, request, reply)) answerError(platform, error, request, reply)
    },
  })
  app.server.on('upgrade', upgrades.take)
  app.decorateRequest('caller', null)
  acceptJsonBodies(app)
  answerWithProblems(app, platform)
  observeRequests(app, platform)
  limitRequestTime(app)
  return app
}

type NativeOptions = ApiOptions & { streams: EventStreams }

async function nativeApi(
  app: Api,
  platform: Platform,
  options: NativeOptions,
  callers: Callers,
  routes: string[],
): Promise<void> {
  app.addSchema(ProblemView)
  compileWhenCalled(app, { Problem: ProblemView })
  await collectReference(app)
  const addMissingMethods = watchMethods(app)
  coerceQueries(app)
  healthRoutes(app, platform, options.isReady)
  acmeChallengeRoutes(app, platform)
  loginRoute(app, platform)
  acceptInvitationRoute(app, platform)
  errorPageRoutes(app)
  await unsubscribeRoutes(app, platform)
  openTrackingRoute(app, platform)
  await paymentWebhookRoute(app, platform)
  referenceRoutes(app)
  referencePageRoutes(app)
  await app.register(async (asking: FastifyInstance) => {
    requireCaller(asking, callers)
    callerRoutes(asking.withTypeProvider(), platform, options)
  })
  routes.push(...addMissingMethods())
}

function callerRoutes(app: Api, platform: Platform, { authenticator, streams }: NativeOptions): void {
  meRoutes(app)
  webhookRoutes(app, platform)
  webhookSecretRoutes(app, platform)
  webhookDeliveryRoutes(app, platform)
  webhookReplayRoutes(app, platform)
  workspaceRoutes(app, platform)
  apiKeyRoutes(app, platform, authenticator)
  auditLogRoutes(app, platform)
  eventRoutes(app, platform, streams)
  eventStreamRoute(app, platform, streams)
  eventWebSocketRoute(app, platform, streams)
  memberRoutes(app, platform)
  invitationRoutes(app, platform)
  logoutRoute(app, platform)
  everyDomainRoute(app, platform)
  invoiceRoutes(app, platform)
  billingReportRoutes(app, platform)
  newMailboxesRoute(app, platform)
  mailboxRoutes(app, platform)
  mailboxActionRoutes(app, platform)
  mailboxPeriodRoutes(app, platform)
  pictureRoutes(app, platform)
  mailboxRenameRoute(app, platform)
  mailboxRemoteRoutes(app, platform)
  elsewhereRoutes(app, platform)
  credentialRoutes(app, platform)
  totpRoutes(app, platform)
  appPasswordRoutes(app, platform)
  loginLockRoutes(app, platform)
  aliasRoutes(app, platform)
  identityRoutes(app, platform)
  identityMailboxRoutes(app, platform)
  mailboxRuleRoutes(app, platform)
  filterRoutes(app, platform)
  mailPolicyRoutes(app, platform)
  mailboxSettingsRoutes(app, platform)
  senderListRoutes(app, platform)
  folderRoutes(app, platform)
  sendMessageRoute(app, platform)
  messageListRoutes(app, platform)
  messageReadRoutes(app, platform)
  messageChangeRoutes(app, platform)
  messageCodeRoutes(app, platform)
  messageWaitRoute(app, platform)
  threadRoutes(app, platform)
  replyRoutes(app, platform)
  draftRoutes(app, platform)
  draftAttachmentRoutes(app, platform)
  scheduledRoutes(app, platform)
  deletedMessageRoutes(app, platform)
  importRoutes(app, platform)
  batchRoutes(app, platform)
  mailboxCsvRoutes(app, platform)
  mailboxLimitRoutes(app, platform)
  mailboxRequestRoutes(app, platform)
  subscriptionRoutes(app, platform)
  suppressionRoutes(app, platform)
  deliveryPolicyRoutes(app, platform)
  sendingRoutes(app, platform)
  approvalRoutes(app, platform)
  outboundRoutes(app, platform)
  relayRoutes(app, platform)
  destinationRoutes(app, platform)
  tsigKeyRoutes(app, platform)
  dnsSecondaryRoutes(app, platform)
  billingRoutes(app, platform)
  topUpRoutes(app, platform)
  topUpRefundRoutes(app, platform)
  autoTopUpRoutes(app, platform)
  paymentMethodRoutes(app, platform)
  testClockRoute(app, platform)
}

/** @returns what drains and closes the application. */
function stopper(app: FastifyInstance, streams: EventStreams): () => Promise<void> {
  let stopping: Promise<void> | null = null
  app.addHook('onRequest', (_request, reply, done) => {
    if (!stopping) return done()
    void reply.header('connection', 'close')
    done(new Refusal('shutting_down'))
  })
  const sockets = new Set<Socket>()
  app.server.on('connection', (socket) => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
  })
  // A connection whose last request has just ended is idle now, and would keep the server open.
  app.addHook('onResponse', (_request, _reply, done) => {
    if (stopping) setImmediate(() => app.server.closeIdleConnections())
    done()
  })
  const close = async (): Promise<void> => {
    const timer = setTimeout(() => app.server.closeAllConnections(), apiLimits.drainMs)
    // Node counts a connection that has not sent a byte yet as a running request.
    for (const socket of sockets) if (socket.bytesRead === 0) socket.destroy()
    await streams.stop()
    try {
      await app.close()
    } finally {
      clearTimeout(timer)
    }
  }
  return () => {
    stopping ??= close()
    return stopping
  }
}
