-- The same time as now(), by a name that Prisma leaves to the database: for now() its client fills in the server's own.
ALTER TABLE "Deployment" ALTER COLUMN "createdAt" SET DEFAULT transaction_timestamp();
ALTER TABLE "LeaderTerm" ALTER COLUMN "since" SET DEFAULT transaction_timestamp();
ALTER TABLE "GoldenImage" ALTER COLUMN "createdAt" SET DEFAULT transaction_timestamp();
ALTER TABLE "GoldenImage" ALTER COLUMN "changedAt" SET DEFAULT transaction_timestamp();
ALTER TABLE "Pool" ALTER COLUMN "createdAt" SET DEFAULT transaction_timestamp();
ALTER TABLE "Vm" ALTER COLUMN "createdAt" SET DEFAULT transaction_timestamp();
ALTER TABLE "Vm" ALTER COLUMN "changedAt" SET DEFAULT transaction_timestamp();
ALTER TABLE "Guest" ALTER COLUMN "firstSeenAt" SET DEFAULT transaction_timestamp();
ALTER TABLE "Guest" ALTER COLUMN "seenAt" SET DEFAULT transaction_timestamp();
ALTER TABLE "Sighting" ALTER COLUMN "at" SET DEFAULT transaction_timestamp();
ALTER TABLE "Command" ALTER COLUMN "createdAt" SET DEFAULT transaction_timestamp();
ALTER TABLE "Assignment" ALTER COLUMN "createdAt" SET DEFAULT transaction_timestamp();
ALTER TABLE "Event" ALTER COLUMN "at" SET DEFAULT transaction_timestamp();
