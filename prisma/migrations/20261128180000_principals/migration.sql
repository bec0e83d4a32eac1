-- Who did it. What was there before does not say.
ALTER TABLE "GoldenImage" ADD COLUMN "principalId" TEXT, ADD COLUMN "principalName" TEXT;
ALTER TABLE "Vm" ADD COLUMN "principalId" TEXT, ADD COLUMN "principalName" TEXT;
ALTER TABLE "Command" ADD COLUMN "principalId" TEXT, ADD COLUMN "principalName" TEXT;
ALTER TABLE "Assignment" ADD COLUMN "principalId" TEXT, ADD COLUMN "principalName" TEXT;
ALTER TABLE "Event" ADD COLUMN "principalId" TEXT, ADD COLUMN "principalName" TEXT;
